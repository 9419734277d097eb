module tour

go 1.24

require task_scheduling v0.0.0

replace task_scheduling => ../../bindings/go

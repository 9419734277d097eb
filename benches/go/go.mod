module bench

go 1.24

require (
	github.com/alitto/pond/v2 v2.7.1
	github.com/panjf2000/ants/v2 v2.12.1
	task_scheduling v0.0.0
)

require golang.org/x/sync v0.11.0 // indirect

replace task_scheduling => ../../bindings/go

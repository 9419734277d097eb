module task_scheduling

go 1.24

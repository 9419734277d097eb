module breaking

go 1.19

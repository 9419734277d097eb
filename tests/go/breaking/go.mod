module breaking

go 1.20

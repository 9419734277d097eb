// Command consumer is a module of somebody who uses bindings/go.
package main

import (
	"context"
	"fmt"

	ts "task_scheduling"
)

func main() {
	scheduler, err := ts.New()
	if err != nil {
		panic(err)
	}
	defer scheduler.Close()
	sum, err := ts.Submit(context.Background(), scheduler.Queue("sums"), func(context.Context) (int, error) { return 40 + 2, nil })
	if err != nil {
		panic(err)
	}
	fmt.Println(sum.Wait(context.Background()))
}

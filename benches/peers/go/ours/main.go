// This library in Go: queues of bindings/go, with ids, contexts, records and bounds.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	ts "task_scheduling"

	"peers/workloads"
)

var (
	scheduler *ts.Scheduler
	unnamed   *ts.Queue
	queues    []*ts.Queue
	sleeper   *ts.Task[int]
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func start(names, _ int) {
	var err error
	scheduler, err = ts.New(ts.WithSetting("line_task_max", runtime.GOMAXPROCS(0)),
		ts.WithSetting("maximum_queue_line", 20_000_000), ts.WithSetting("max_idle_time", 1000))
	must(err)
	unnamed = scheduler.Queue("")
	for name := range names {
		queues = append(queues, scheduler.Queue(fmt.Sprint("name-", name)))
	}
}

func add(name int, run func(uint64), data uint64) {
	queue := unnamed
	if name != workloads.NoName {
		queue = queues[name]
	}
	must(queue.Go(func(context.Context) error {
		run(data)
		return nil
	}))
}

func startSleeper() {
	var err error
	sleeper, err = ts.Submit(context.Background(), queues[0], func(ctx context.Context) (int, error) {
		workloads.NoteEntered()
		err := ts.Sleep(ctx, 1000*time.Second)
		workloads.NoteReached()
		return 0, err
	})
	must(err)
}

func dash(workload string) string {
	if workload == "W7" {
		return "at most 4,096 of its tasks run at once, and a sleeper runs"
	}
	return ""
}

func main() {
	workloads.Main(&workloads.Peer{
		Name:         "ours in Go",
		Version:      runtime.Version(),
		Dash:         dash,
		Start:        start,
		Add:          add,
		End:          func() { scheduler.Close() },
		StartSleeper: startSleeper,
		StopSleeper:  func() { must(sleeper.Cancel()) },
	})
}

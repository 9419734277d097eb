// Plain Go: a goroutine per task; a goroutine and a channel per name.
package main

import (
	"context"
	"runtime"
	"sync"
	"time"

	"peers/workloads"
)

type task struct {
	run  func(uint64)
	data uint64
}

var (
	channels []chan task
	all      sync.WaitGroup
	stop     context.CancelFunc
)

func start(names, perName int) {
	for range names {
		// Nobody knows beforehand how many will wait; W9 does, and nothing else may hold the adder up for long.
		its := make(chan task, max(perName+1, 1024))
		all.Add(1)
		go func() {
			defer all.Done()
			for next := range its {
				next.run(next.data)
			}
		}()
		channels = append(channels, its)
	}
}

func add(name int, run func(uint64), data uint64) {
	if name == workloads.NoName {
		go run(data)
		return
	}
	channels[name] <- task{run, data}
}

func end() {
	for _, its := range channels {
		close(its)
	}
	all.Wait()
}

func startSleeper() {
	ctx, cancel := context.WithCancel(context.Background())
	stop = cancel
	go func() {
		workloads.NoteEntered()
		select {
		case <-ctx.Done():
		case <-time.After(1000 * time.Second):
		}
		workloads.NoteReached()
	}()
}

func sleep(count int, due time.Time) {
	for range count {
		go func() {
			workloads.Armed()
			time.Sleep(time.Until(due))
			workloads.Slept()
		}()
	}
}

func main() {
	workloads.Main(&workloads.Peer{
		Name:         "Go, plain",
		Version:      runtime.Version(),
		Dash:         func(string) string { return "" },
		Start:        start,
		Add:          add,
		End:          end,
		StartSleeper: startSleeper,
		StopSleeper:  func() { stop() },
		Sleep:        sleep,
	})
}

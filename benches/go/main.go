// What a task costs in Go: through the library, through plain goroutines and channels, and through two
// pools, in turns, so that what else the machine does hits all of them. The figures are nanoseconds
// per task: of the best and of the median round, and of the processors' time of the best one, which
// tells more where other programs run too.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	ts "task_scheduling"

	"github.com/alitto/pond/v2"
	"github.com/panjf2000/ants/v2"
)

const (
	rounds = 9
	atOnce = 64
)

// entrant does so many tasks and returns when all have ended.
type entrant struct {
	name string
	do   func(count int)
}

func compare(what string, count int, entrants ...entrant) {
	fmt.Printf("%-46s %7s  %7s  %7s\n", what, "best", "median", "cpu")
	took, used := make([][]float64, len(entrants)), make([][]float64, len(entrants))
	for range rounds {
		for at, its := range entrants {
			runtime.GC()
			begin, before := time.Now(), processors()
			its.do(count)
			used[at] = append(used[at], float64(processors()-before)/float64(count))
			took[at] = append(took[at], float64(time.Since(begin).Nanoseconds())/float64(count))
		}
	}
	for at, its := range entrants {
		slices.Sort(took[at])
		fmt.Printf("  %-44s %7.0f  %7.0f  %7.0f\n", its.name, took[at][0], took[at][rounds/2], slices.Min(used[at]))
	}
}

// processors is the time that they have spent on this process.
func processors() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

// queues are so many queues of a scheduler, and as many goroutines with a channel each.
func queues(s *ts.Scheduler, count int) (all []*ts.Queue) {
	for at := range count {
		all = append(all, s.Queue("queue "+strconv.Itoa(at)))
	}
	return all
}

type channels []chan func()

func newChannels(count int) (all channels) {
	for range count {
		its := make(chan func(), 1024)
		go func() {
			for do := range its {
				do()
			}
		}()
		all = append(all, its)
	}
	return all
}

func (c channels) close() {
	for _, its := range c {
		close(its)
	}
}

func main() {
	s := must(ts.New(ts.WithSetting("line_task_max", atOnce), ts.WithSetting("maximum_queue_line", 0)))
	defer s.Close()
	background := context.Background()

	for _, names := range []int{1, 1000} {
		its, plain := queues(s, names), newChannels(names)
		size := min(names, atOnce)
		swarm := must(ants.NewPool(size))
		pool := pond.NewPool(size)
		compare(fmt.Sprintf("%d queues: adds, until all have run", names), 200_000,
			entrant{"this library", func(count int) {
				var all sync.WaitGroup
				all.Add(count)
				for at := range count {
					if err := its[at%names].Go(func(context.Context) error { all.Done(); return nil }); err != nil {
						panic(err)
					}
				}
				all.Wait()
			}},
			entrant{"a goroutine and a channel per queue", func(count int) {
				var all sync.WaitGroup
				all.Add(count)
				for at := range count {
					plain[at%names] <- func() { all.Done() }
				}
				all.Wait()
			}},
			entrant{fmt.Sprintf("ants, a pool of %d (no queues)", size), func(count int) {
				var all sync.WaitGroup
				all.Add(count)
				for range count {
					if err := swarm.Submit(func() { all.Done() }); err != nil {
						panic(err)
					}
				}
				all.Wait()
			}},
			entrant{fmt.Sprintf("pond, a pool of %d (no queues)", size), func(count int) {
				var all sync.WaitGroup
				all.Add(count)
				for range count {
					pool.Submit(func() { all.Done() })
				}
				all.Wait()
			}},
			entrant{"a goroutine per task (no queues, no limit)", func(count int) {
				var all sync.WaitGroup
				all.Add(count)
				for range count {
					go func() { all.Done() }()
				}
				all.Wait()
			}},
		)
		plain.close()
		swarm.Release()
		pool.StopAndWait()
	}

	q := s.Queue("waits")
	swarm := must(ants.NewPool(atOnce))
	pool := pond.NewResultPool[int](atOnce)
	compare("a task, and wait for its result", 50_000,
		entrant{"this library", func(count int) {
			for at := range count {
				task := must(ts.Submit(background, q, func(context.Context) (int, error) { return at, nil }))
				must(task.Wait(background))
			}
		}},
		entrant{"go and a channel", func(count int) {
			for at := range count {
				done := make(chan int, 1)
				go func() { done <- at }()
				<-done
			}
		}},
		entrant{"ants and a channel", func(count int) {
			for at := range count {
				done := make(chan int, 1)
				if err := swarm.Submit(func() { done <- at }); err != nil {
					panic(err)
				}
				<-done
			}
		}},
		entrant{"pond", func(count int) {
			for at := range count {
				must(pool.Submit(func() int { return at }).Wait())
			}
		}},
	)
	swarm.Release()
	pool.StopAndWait()

	timed := s.Queue("timed", ts.Timeout(time.Minute))
	parent, cancel := context.WithCancel(background)
	defer cancel()
	compare("waits for a task with a time-out of a minute", 50_000,
		entrant{"this library", func(count int) {
			for range count {
				task := must(ts.Submit(background, timed, func(ctx context.Context) (int, error) { return 1, ctx.Err() }))
				must(task.Wait(background))
			}
		}},
		entrant{"this library, no time-out", func(count int) {
			for range count {
				task := must(ts.Submit(background, q, func(ctx context.Context) (int, error) { return 1, ctx.Err() }))
				must(task.Wait(background))
			}
		}},
		entrant{"this library, a caller that can be cancelled", func(count int) {
			for range count {
				task := must(ts.Submit(parent, q, func(ctx context.Context) (int, error) { return 1, ctx.Err() }))
				must(task.Wait(background))
			}
		}},
		entrant{"go, a channel and context.WithTimeout", func(count int) {
			for range count {
				done := make(chan error, 1)
				ctx, cancel := context.WithTimeout(background, time.Minute)
				go func() { done <- ctx.Err() }()
				<-done
				cancel()
			}
		}},
	)

	var bare context.Context
	task := must(ts.Submit(background, q, func(ctx context.Context) (int, error) {
		bare = ctx
		standard, cancel := context.WithCancel(background)
		defer cancel()
		compare("a look at a context: Err", 5_000_000,
			entrant{"a task's", func(count int) {
				for range count {
					if bare.Err() != nil {
						panic("told")
					}
				}
			}},
			entrant{"context.WithCancel's", func(count int) {
				for range count {
					if standard.Err() != nil {
						panic("told")
					}
				}
			}},
		)
		return 0, nil
	}))
	must(task.Wait(background))
}

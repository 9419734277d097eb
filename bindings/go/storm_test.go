//go:build cgo && unix

package ts

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// traffic adds so many tasks from several goroutines and waits for their ends, some of which it stops.
func traffic(t *testing.T, count int) {
	s := start(t, WithSetting("maximum_queue_line", 0), WithSetting("line_task_max", 32))
	const adders = 4
	var all sync.WaitGroup
	var ran, stopped atomic.Int64
	for adder := range adders {
		all.Add(1)
		go func() {
			defer all.Done()
			queues := make([]*Queue, 64)
			for at := range queues {
				queues[at] = s.Queue(fmt.Sprint(adder, " ", at), Limit(1+at%3))
			}
			var window []*Task[int]
			for at := range count / adders {
				task, err := Submit(context.Background(), queues[rand.IntN(len(queues))], func(ctx context.Context) (int, error) {
					ran.Add(1)
					return at, ctx.Err()
				})
				if err != nil {
					t.Error(err)
					return
				}
				if at%50 == 0 && task.Cancel() == nil {
					stopped.Add(1)
				}
				if window = append(window, task); len(window) < 256 {
					continue
				}
				for _, task := range window {
					<-task.Done()
					if value, err := task.Result(); (err == nil) != (task.Status().State == Completed) && err != ErrCanceled {
						t.Error(value, err)
					}
				}
				window = window[:0]
			}
		}()
	}
	all.Wait()
	must(t, s.Shutdown(context.Background()))
	t.Log(ran.Load(), "ran,", stopped.Load(), "were stopped")
}

func TestAStormOfSignalsDisturbsNoTask(t *testing.T) {
	count := 1_000_000
	if testing.Short() {
		count = 50_000
	}
	var seen atomic.Int64
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	defer signal.Stop(signals)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-signals:
				seen.Add(1)
			case <-quit:
				return
			default:
				// SIGURG is the one that Go itself interrupts goroutines with; SIGPROF is the profiler's.
				for _, number := range []syscall.Signal{syscall.SIGURG, syscall.SIGPROF, syscall.SIGUSR1} {
					syscall.Kill(os.Getpid(), number)
				}
				time.Sleep(50 * time.Microsecond)
			}
		}
	}()
	eventually(t, "the storm has begun", func() bool { return seen.Load() > 0 })
	traffic(t, count)
	close(quit)
	<-done
	t.Log(seen.Load(), "signals of one kind were heard")
}

func TestTheCollectorTakesNothingThatIsUsed(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			default:
				runtime.GC()
			}
		}
	}()
	traffic(t, 4000)
	// And between calls of one goroutine.
	s := start(t)
	for at := range 200 {
		q := s.Queue(fmt.Sprint("q", at))
		runtime.GC()
		task := submit(t, q, func(context.Context) (*int, error) { runtime.GC(); return &at, nil })
		q = nil
		runtime.GC()
		value, err := task.Wait(context.Background())
		if err != nil || *value != at {
			t.Fatal(value, err)
		}
		runtime.GC()
		if status := task.Status(); status.State != Completed || status.Name != fmt.Sprint("q", at) {
			t.Fatalf("%+v", status)
		}
	}
	close(quit)
	<-done
}

func TestSchedulersThatNobodyHoldsAreFreed(t *testing.T) {
	before := openFiles(t)
	for range 300 {
		s, err := New()
		must(t, err)
		must(t, s.Queue("q").Go(nothing))
		must(t, s.Queue("q").Go(nothing))
		must(t, s.Close())
	}
	eventually(t, "their descriptors are closed", func() bool {
		runtime.GC()
		return openFiles(t) <= before+10
	})
}

func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}

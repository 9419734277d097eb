//go:build cgo

package ts

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestATaskThatWaitsForItselfIsTold(t *testing.T) {
	s := start(t)
	itself := make(chan *Task[error], 1)
	task := submit(t, s.Queue("q"), func(ctx context.Context) (error, error) {
		_, err := (<-itself).Wait(ctx)
		return err, nil
	})
	itself <- task
	if err, _ := task.Wait(context.Background()); !errors.Is(err, ErrWouldDeadlock) {
		t.Fatal(err)
	}
}

func TestATaskThatWaitsForOneBehindItIsTold(t *testing.T) {
	s := start(t, WithSetting("line_task_max", 2))
	for name, queues := range map[string][2]*Queue{
		"queue":  {s.Queue("q"), s.Queue("q")},
		"places": {s.Queue("one"), s.Queue("two")},
	} {
		plug := plugIn(t, s.Queue("plug"))
		<-plug.started
		task := submit(t, queues[0], func(ctx context.Context) (error, error) {
			behind, err := Submit(context.Background(), queues[1], func(context.Context) (int, error) { return 1, nil })
			if err != nil {
				return nil, err
			}
			if name == "places" {
				// The plug has the other place, and gets on.
				time.AfterFunc(10*time.Millisecond, plug.pull)
			}
			_, err = behind.Wait(ctx)
			return err, nil
		})
		err, failed := task.Wait(context.Background())
		if failed != nil || errors.Is(err, ErrWouldDeadlock) != (name == "queue") {
			t.Fatal(name, err, failed)
		}
		plug.pull()
	}
}

func TestTheLastOfACircleIsTold(t *testing.T) {
	s := start(t)
	const size = 4
	tasks := make([]*Task[error], size)
	ready := make(chan struct{})
	for at := range size {
		tasks[at] = submit(t, s.Queue(""), func(ctx context.Context) (error, error) {
			<-ready
			_, err := tasks[(at+1)%size].Wait(ctx)
			return err, nil
		})
	}
	close(ready)
	told := 0
	for _, task := range tasks {
		err, failed := task.Wait(context.Background())
		must(t, failed)
		if errors.Is(err, ErrWouldDeadlock) {
			told++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if told != 1 {
		t.Fatal(told)
	}
}

func TestWhenAllPlacesWaitTheLastIsTold(t *testing.T) {
	s := start(t, WithSetting("line_task_max", 3))
	behind := make(chan *Task[int])
	var tasks []*Task[error]
	for range 3 {
		tasks = append(tasks, submit(t, s.Queue(""), func(ctx context.Context) (error, error) {
			_, err := (<-behind).Wait(ctx)
			return err, nil
		}))
	}
	last := submit(t, s.Queue("behind"), func(context.Context) (int, error) { return 1, nil })
	for range 3 {
		behind <- last
	}
	told := 0
	for _, task := range tasks {
		if err, _ := task.Wait(context.Background()); errors.Is(err, ErrWouldDeadlock) {
			told++
		}
	}
	if told != 1 {
		t.Fatal(told)
	}
	must(t, ended(t, last))
}

func TestWaitsThatGetOnAreNotRefused(t *testing.T) {
	s := start(t)
	inner := plugIn(t, s.Queue("inner"))
	outer := submit(t, s.Queue("outer"), func(ctx context.Context) (error, error) { return inner.Wait(ctx) })
	inner.pull()
	must(t, ended(t, outer))

	// A wait that is told to stop ends.
	plug := plugIn(t, s.Queue("inner"))
	waits := submit(t, s.Queue("outer"), func(ctx context.Context) (error, error) { return plug.Wait(ctx) })
	eventually(t, "it waits", func() bool {
		s.waits.Lock()
		defer s.waits.Unlock()
		return waits.task.waits != nil
	})
	must(t, waits.Cancel())
	if err := ended(t, waits); err != ErrCanceled {
		t.Fatal(err)
	}
}

//go:build cgo

package ts

import (
	"context"
	"reflect"
	"runtime"
	"time"
)

// Close tells all tasks to stop and waits until the running ones have returned: Stop without a bound.
// Calling it again does no harm.
func (s *Scheduler) Close() error { return s.shut(context.Background(), true) }

// Shutdown takes no new tasks, cancels the pending ones, and waits for the running ones until ctx
// ends. Then it gives a *[ShutdownError], which says which tasks still run: they go on, and Shutdown,
// Stop or Close may be called again. After it the scheduler is closed for good.
//
// Inside a task it gives ErrWouldDeadlock, where it would wait for that task. Which scheduler's task
// that is, is told by ctx; with another context each task counts, but for a scheduler that was itself
// made inside a task.
func (s *Scheduler) Shutdown(ctx context.Context) error { return s.shut(ctx, false) }

// Stop is Shutdown, but it first tells the running tasks to stop. In their contexts the cause is
// ErrClosed.
func (s *Scheduler) Stop(ctx context.Context) error { return s.shut(ctx, true) }

// shut looks how far the shutdown is after each task that has ended. The library could wait itself,
// but it knows who holds a claim by thread, and goroutines change threads.
func (s *Scheduler) shut(ctx context.Context, force bool) error {
	if s.retired.Load() {
		return nil
	}
	if s.waitsForItself(ctx) {
		return &failure{15, "a shutdown waits for the task that it is called from"}
	}
	s.closed.Store(true)
	s.room.tell()
	s.ends.waiting.Add(1)
	defer s.ends.waiting.Add(-1)
	for {
		ended := s.ends.wait()
		done, err := s.native.shutdown()
		if err != nil {
			return err
		}
		if done {
			s.retire()
			return nil
		}
		s.take()
		if force {
			s.stopAll()
		}
		// A task that came out between the two is found at the next look.
		again := time.NewTimer(10 * time.Millisecond)
		select {
		case <-ended:
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return &ShutdownError{s.running(), ctx.Err()}
		}
		again.Stop()
	}
}

func (s *Scheduler) retire() {
	if !s.retired.Swap(true) {
		s.waiter.close()
	}
	s.sayAll()
}

func (s *Scheduler) stopAll() {
	s.tasks.each(func(t *task) {
		if t.phase.Load()&isOut != 0 && t.ctx.word.Load() == live {
			t.cancel(ErrCanceled, ErrClosed)
		}
	})
}

func (s *Scheduler) running() []Status {
	var all []Status
	for _, status := range s.native.list() {
		if status.State == Running {
			all = append(all, status)
		}
	}
	return all
}

func (s *Scheduler) waitsForItself(ctx context.Context) bool {
	if t, ok := ctx.Value(taskKey{}).(*task); ok && !t.ended.Load() {
		return t.s == s
	}
	return !s.inside && insideTask()
}

// insideTask says whether this goroutine is one that runs a task.
func insideTask() bool {
	place := runtime.FuncForPC(reflect.ValueOf((*Scheduler).runTask).Pointer()).Name()
	var counters [64]uintptr
	for skip := 1; ; skip += len(counters) {
		count := runtime.Callers(skip, counters[:])
		frames := runtime.CallersFrames(counters[:count])
		for {
			frame, more := frames.Next()
			if frame.Function == place {
				return true
			}
			if !more {
				break
			}
		}
		if count < len(counters) {
			return false
		}
	}
}

//go:build cgo

package ts

import (
	"context"
	"os"
	"runtime/pprof"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Tests wait for events, not for time; what hangs is ended by this guard, which shows where.
const hang = 3 * time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func guard(t testing.TB) {
	timer := time.AfterFunc(hang, func() {
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
		panic(t.Name() + " hangs")
	})
	t.Cleanup(func() { timer.Stop() })
}

func start(t testing.TB, options ...Option) *Scheduler {
	t.Helper()
	guard(t)
	s, err := New(options...)
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func submit[T any](t testing.TB, q *Queue, do func(context.Context) (T, error), options ...TaskOption) *Task[T] {
	t.Helper()
	task, err := Submit(context.Background(), q, do, options...)
	must(t, err)
	return task
}

// plug is a task that runs until it is pulled, whoever stops it; its end tells whether it was told.
type plug struct {
	*Task[error]
	started chan context.Context
	pulled  chan struct{}
	once    sync.Once
}

func plugIn(t testing.TB, q *Queue, options ...TaskOption) *plug {
	t.Helper()
	p := &plug{started: make(chan context.Context, 1), pulled: make(chan struct{})}
	p.Task = submit(t, q, func(ctx context.Context) (error, error) {
		p.started <- ctx
		<-p.pulled
		return ctx.Err(), nil
	}, options...)
	t.Cleanup(p.pull)
	return p
}

func (p *plug) pull() { p.once.Do(func() { close(p.pulled) }) }

// obedient is a task that runs until it is told to stop.
func obedient(ctx context.Context) (error, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func ended[T any](t testing.TB, task *Task[T]) error {
	t.Helper()
	_, err := task.Wait(context.Background())
	return err
}

func nothing(context.Context) error { return nil }

func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(hang); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

//go:build cgo

package ts

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"
)

type key struct{}

func TestAContextHasTheValuesOfTheCallers(t *testing.T) {
	s := start(t)
	ctx := context.WithValue(context.Background(), key{}, "value")
	task, err := Submit(ctx, s.Queue("q"), func(ctx context.Context) (any, error) { return ctx.Value(key{}), nil })
	must(t, err)
	if value, err := task.Wait(ctx); value != "value" || err != nil {
		t.Fatal(value, err)
	}
	p := plugIn(t, s.Queue("q"))
	its := <-p.started
	must(t, p.Cancel())
	if value := its.Value(key{}); value != nil {
		t.Fatal(value)
	}
	p.pull()
}

func TestDeadlinesAreTheEarlierOnes(t *testing.T) {
	s := start(t)
	at := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(context.Background(), at)
	defer cancel()
	for _, limit := range []time.Duration{time.Minute, 10 * time.Hour} {
		task, err := Submit(ctx, s.Queue("q"), func(ctx context.Context) (time.Time, error) {
			deadline, _ := ctx.Deadline()
			return deadline, nil
		}, Timeout(limit))
		must(t, err)
		deadline, err := task.Wait(ctx)
		if err != nil || deadline.After(at) || (limit == time.Minute) == deadline.Equal(at) {
			t.Fatal(deadline, err)
		}
	}
}

func TestDerivedContextsEndWithTheTasks(t *testing.T) {
	s := start(t)
	before := runtime.NumGoroutine()
	p := plugIn(t, s.Queue("q"))
	ctx := <-p.started
	var derived []context.Context
	for range 100 {
		its, cancel := context.WithCancel(ctx)
		defer cancel()
		derived = append(derived, its)
	}
	slow, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	called := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { called <- context.Cause(ctx) })
	notCalled := context.AfterFunc(ctx, func() { t.Error("it was taken back") })
	if !notCalled() || notCalled() {
		t.Fatal("taken back once")
	}
	if more := runtime.NumGoroutine() - before; more > 5 {
		t.Fatalf("%d goroutines more", more)
	}
	must(t, p.Cancel())
	for _, its := range append(derived, slow) {
		<-its.Done()
		if its.Err() != context.Canceled || context.Cause(its) != ErrCanceled {
			t.Fatal(its.Err(), context.Cause(its))
		}
	}
	if cause := <-called; cause != ErrCanceled || stop() {
		t.Fatal(cause)
	}
	late, cancel := context.WithCancel(ctx)
	defer cancel()
	if context.Cause(late) != ErrCanceled {
		t.Fatal(context.Cause(late))
	}
	p.pull()
}

func TestDerivedContextsOfATimeOutAreDeadlineExceeded(t *testing.T) {
	s := start(t)
	p := plugIn(t, s.Queue("q"), Timeout(100*time.Millisecond))
	ctx := <-p.started
	derived, cancel := context.WithCancel(ctx)
	defer cancel()
	<-derived.Done()
	if derived.Err() != context.DeadlineExceeded || ctx.Err() != context.DeadlineExceeded || context.Cause(derived) != ErrTimeout {
		t.Fatal(derived.Err(), context.Cause(derived))
	}
	if err := p.Cancel(); err != ErrAlreadyStopping {
		t.Fatal(err)
	}
	p.pull()
	if err := ended(t, p.Task); err != ErrTimeout {
		t.Fatal(err)
	}
}

func TestAContextEndsWithItsTask(t *testing.T) {
	s := start(t)
	task := submit(t, s.Queue("q"), func(ctx context.Context) (context.Context, error) { ctx.Done(); return ctx, nil })
	ctx, err := task.Wait(context.Background())
	must(t, err)
	<-ctx.Done()
	if ctx.Err() != context.Canceled || context.Cause(ctx) != context.Canceled {
		t.Fatal(ctx.Err(), context.Cause(ctx))
	}
	called := make(chan struct{})
	context.AfterFunc(ctx, func() { close(called) })
	<-called
}

func TestSleepsEndWithTheContext(t *testing.T) {
	s := start(t)
	must(t, Sleep(context.Background(), time.Millisecond))
	started := make(chan bool)
	sleeps := submit(t, s.Queue("q"), func(ctx context.Context) (error, error) {
		close(started)
		return Sleep(ctx, time.Hour), nil
	})
	<-started
	must(t, sleeps.Cancel())
	if err := ended(t, sleeps); err != ErrCanceled {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestACallersContextIsLetGoOfWhenTheTaskEnds(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 1000 {
		task, err := Submit(ctx, s.Queue("q"), func(context.Context) ([]byte, error) { return make([]byte, 1<<20), nil })
		must(t, err)
		must(t, ended(t, task))
	}
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	if stats.HeapAlloc > 200<<20 {
		t.Fatalf("%d MiB are held", stats.HeapAlloc>>20)
	}
}

func TestLookingAtAContextAllocatesNothing(t *testing.T) {
	s := start(t)
	p := plugIn(t, s.Queue("q"))
	ctx := <-p.started
	if count := testing.AllocsPerRun(1000, func() { _ = ctx.Err() }); count != 0 {
		t.Fatal(count)
	}
	p.pull()
}

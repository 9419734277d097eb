//go:build cgo

package ts

import (
	"context"
	"errors"
	"io/fs"
	"sync/atomic"
	"testing"
	"time"
)

func TestAPendingTaskIsCancelledOnTheSpot(t *testing.T) {
	s := start(t)
	p := plugIn(t, s.Queue("q"))
	<-p.started
	pending := submit(t, s.Queue("q"), func(context.Context) (int, error) { t.Error("it ran"); return 0, nil })
	must(t, pending.Cancel())
	if err := ended(t, pending); err != ErrCanceled || !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if state := pending.Status().State; state != Cancelled {
		t.Fatal(state)
	}
	if err := pending.Cancel(); err != ErrFinished {
		t.Fatal(err)
	}
	p.pull()
	must(t, ended(t, p.Task))
	if err := p.Cancel(); !errors.Is(err, ErrFinished) {
		t.Fatal(err)
	}
}

func TestAStopDecidesWhateverTheFunctionReturns(t *testing.T) {
	s := start(t)
	p := plugIn(t, s.Queue("q"))
	ctx := <-p.started
	must(t, s.Cancel(p.ID()))
	must(t, p.Cancel())
	if status := p.Status(); status.State != Running || status.Stopping != Cancelled {
		t.Fatalf("%+v", status)
	}
	if ctx.Err() != context.Canceled || context.Cause(ctx) != ErrCanceled {
		t.Fatal(ctx.Err(), context.Cause(ctx))
	}
	p.pull()
	if err := ended(t, p.Task); err != ErrCanceled {
		t.Fatal(err)
	}
	if state := p.Status().State; state != Cancelled {
		t.Fatal(state)
	}
	if err := s.Cancel(p.ID()); err != ErrFinished {
		t.Fatal(err)
	}
	if err := s.Cancel(ID{}); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	// What it says for itself is not lost.
	broken := errors.New("broken")
	started := make(chan bool)
	stubborn := submit(t, s.Queue("q"), func(ctx context.Context) (int, error) {
		close(started)
		<-ctx.Done()
		return 0, broken
	})
	<-started
	must(t, stubborn.Cancel())
	if err := ended(t, stubborn); !errors.Is(err, broken) || !errors.Is(err, ErrCanceled) {
		t.Fatal(err)
	}
}

func TestTheCauseTellsStopsApart(t *testing.T) {
	s := start(t)
	causes, started := make(chan error, 1), make(chan bool, 1)
	do := func(ctx context.Context) (error, error) {
		started <- true
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return nil, ctx.Err()
	}
	cancelled := submit(t, s.Queue("q"), do)
	<-started
	must(t, cancelled.Cancel())
	if cause, err := <-causes, ended(t, cancelled); cause != ErrCanceled || err != ErrCanceled {
		t.Fatal(cause, err)
	}

	slow := submit(t, s.Queue("q"), do, Timeout(50*time.Millisecond))
	<-started
	if cause, err := <-causes, ended(t, slow); cause != ErrTimeout || err != ErrTimeout || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(cause, err)
	}
	if state := slow.Status().State; state != TimedOut {
		t.Fatal(state)
	}

	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("why")
	followed, err := Submit(ctx, s.Queue("q"), do)
	must(t, err)
	<-started
	cancel(why)
	if cause, err := <-causes, ended(t, followed); cause != why || !errors.Is(err, ErrCanceled) || !errors.Is(err, why) {
		t.Fatal(cause, err)
	}

	closed := submit(t, s.Queue("q"), do)
	<-started
	must(t, s.Close())
	if cause, err := <-causes, ended(t, closed); cause != ErrClosed || !errors.Is(err, ErrClosed) || !errors.Is(err, ErrCanceled) {
		t.Fatal(cause, err)
	}
}

func TestTheEndOfTheCallersContextCancelsAPendingTask(t *testing.T) {
	s := start(t)
	p := plugIn(t, s.Queue("q"))
	<-p.started
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	pending, err := Submit(ctx, s.Queue("q"), func(context.Context) (int, error) { t.Error("it ran"); return 0, nil })
	must(t, err)
	if err := ended(t, pending); !errors.Is(err, ErrCanceled) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if _, err := Submit(ctx, s.Queue("q"), obedient); err != context.DeadlineExceeded {
		t.Fatal(err)
	}
	p.pull()
}

func TestATimeOutCountsFromTheStart(t *testing.T) {
	s := start(t)
	p := plugIn(t, s.Queue("q"))
	<-p.started
	pending := submit(t, s.Queue("q"), func(ctx context.Context) (time.Duration, error) {
		deadline, ok := ctx.Deadline()
		if !ok {
			return 0, errors.New("no deadline")
		}
		return time.Until(deadline), nil
	}, Timeout(time.Hour))
	time.Sleep(20 * time.Millisecond)
	p.pull()
	left, err := pending.Wait(context.Background())
	if err != nil || left < time.Hour-10*time.Second || left > time.Hour {
		t.Fatal(left, err)
	}
}

func TestTimeOutsWithoutATimeTakeTheWatchDogs(t *testing.T) {
	s := start(t, WithSetting("watch_dog_time", 20*time.Millisecond))
	q := s.Queue("q", Timeout(0))
	if err := ended(t, submit(t, q, obedient)); err != ErrTimeout {
		t.Fatal(err)
	}
}

func TestManyTimeOutsOfOneMomentAllCome(t *testing.T) {
	s := start(t, WithSetting("line_task_max", 500))
	var tasks []*Task[error]
	for range 500 {
		tasks = append(tasks, submit(t, s.Queue(""), obedient, Timeout(30*time.Millisecond)))
	}
	for _, task := range tasks {
		if err := ended(t, task); err != ErrTimeout {
			t.Fatal(err)
		}
	}
}

func TestAStuckTaskLetsTheNextOneStart(t *testing.T) {
	s := start(t, WithSetting("stuck_grace", 10*time.Millisecond), WithSetting("line_task_max", 1))
	p := plugIn(t, s.Queue("q"), ReleaseWhenStuck())
	<-p.started
	next := submit(t, s.Queue("q"), func(context.Context) (int, error) { return 1, nil })
	must(t, p.Cancel())
	must(t, ended(t, next))
	if !p.Status().Stuck {
		t.Fatal("not stuck")
	}
	p.pull()
	if err := ended(t, p.Task); err != ErrCanceled {
		t.Fatal(err)
	}
}

func TestStopsThatMeetEndsAreDecidedOnce(t *testing.T) {
	s := start(t, WithSetting("maximum_queue_line", 0), WithSetting("maximum_task_info_storage", 1000000))
	var stopped atomic.Int32
	for range 20000 {
		task := submit(t, s.Queue("q", Limit(2)), func(context.Context) (int, error) { return 1, nil })
		promised := task.Cancel() == nil
		err := ended(t, task)
		switch state := task.Status().State; {
		case promised && err == ErrCanceled && state == Cancelled:
			stopped.Add(1)
		case !promised && err == nil && state == Completed:
		default:
			t.Fatal(promised, err, state)
		}
	}
	t.Log(stopped.Load(), "of 20000 were stopped in time")
}

func TestTimeOutsThatMeetEndsAreDecidedOnce(t *testing.T) {
	s := start(t, WithSetting("maximum_task_info_storage", 100000), WithSetting("line_task_max", 100))
	var tasks []*Task[int]
	for at := range 3000 {
		task := submit(t, s.Queue("q", Limit(100)), func(context.Context) (int, error) {
			time.Sleep(time.Duration(at%7) * 400 * time.Microsecond)
			return 1, nil
		}, Timeout(time.Millisecond), WaitForRoom())
		tasks = append(tasks, task)
	}
	var late int
	for _, task := range tasks {
		err := ended(t, task)
		switch state := task.Status().State; {
		case err == ErrTimeout && state == TimedOut:
			late++
		case err == nil && state == Completed:
		default:
			t.Fatal(err, state)
		}
	}
	t.Log(late, "of 3000 timed out")
}

func TestAStoppedTaskEndsWhateverItsErrorDoes(t *testing.T) {
	s := start(t)
	started := make(chan bool)
	stopped := submit(t, s.Queue("q"), func(ctx context.Context) (int, error) {
		close(started)
		<-ctx.Done()
		var none *fs.PathError // whose Unwrap panics
		return 0, none
	})
	<-started
	must(t, stopped.Cancel())
	if err := ended(t, stopped); !errors.Is(err.(*StoppedError).Reason, ErrCanceled) || stopped.Status().State != Cancelled {
		t.Fatal(stopped.Status())
	}
}

func TestACancelBehindATimeOutThatWasNotToldSaysSo(t *testing.T) {
	s := start(t)
	p := plugIn(t, s.Queue("q"), Timeout(10*time.Millisecond))
	<-p.started
	s.timeouts.Lock() // whoever takes claims cannot tell the task
	eventually(t, "the library tells the time-out", func() bool {
		var none [16]claim
		s.native.take(&none)
		return p.Status().Stopping == TimedOut
	})
	first, second := p.Cancel(), p.Cancel()
	s.timeouts.Unlock()
	p.pull()
	if err := ended(t, p.Task); first != ErrAlreadyStopping || second != ErrAlreadyStopping || err != ErrTimeout {
		t.Fatal(first, second, err)
	}
}

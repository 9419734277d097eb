//go:build cgo

package ts

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAFullQueueRefuses(t *testing.T) {
	s := start(t)
	q := s.Queue("small", Capacity(2))
	p := plugIn(t, q)
	<-p.started
	must(t, q.Go(nothing))
	must(t, q.Go(nothing))
	if err := q.Go(nothing); !errors.Is(err, ErrQueueFull) || errors.Is(err, ErrBanned) {
		t.Fatal(err)
	}
	must(t, s.Queue("other").Go(nothing))
	p.pull()
}

func TestThereIsALimitForAllQueuesTogether(t *testing.T) {
	s := start(t, WithSetting("line_task_max", 1), WithSetting("maximum_queue_line", 2))
	p := plugIn(t, s.Queue("one"))
	<-p.started
	must(t, s.Queue("two").Go(nothing))
	must(t, s.Queue("three").Go(nothing))
	if err := s.Queue("four").Go(nothing); !errors.Is(err, ErrQueueFull) {
		t.Fatal(err)
	}
	p.pull()
}

func TestWhoWaitsForRoomGetsIt(t *testing.T) {
	s := start(t)
	q := s.Queue("small", Capacity(1), WaitForRoom())
	const adders, each = 8, 500
	var all sync.WaitGroup
	var ran sync.WaitGroup
	ran.Add(adders * each)
	for range adders {
		all.Add(1)
		go func() {
			defer all.Done()
			for range each {
				if err := q.Go(func(context.Context) error { ran.Done(); return nil }); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	all.Wait()
	ran.Wait()
}

func TestWaitingForRoomEndsWithTheContextAndWithTheScheduler(t *testing.T) {
	s := start(t)
	q := s.Queue("small", Capacity(1))
	p := plugIn(t, q)
	<-p.started
	must(t, q.Go(nothing))
	ctx, cancel := context.WithCancel(context.Background())
	errs := make(chan error)
	go func() {
		_, err := Submit(ctx, q, obedient, WaitForRoom())
		errs <- err
	}()
	go func() { errs <- q.Go(nothing, WaitForRoom()) }()
	eventually(t, "both wait", func() bool { return s.room.waiting.Load() == 2 })
	cancel()
	if err := <-errs; err != context.Canceled {
		t.Fatal(err)
	}
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	if err := <-errs; err != ErrClosed {
		t.Fatal(err)
	}
	p.pull()
	must(t, <-closed)
}

func TestWaitingForRoomInsideATaskIsRefused(t *testing.T) {
	s := start(t)
	q := s.Queue("small", Capacity(1))
	first := submit(t, q, func(ctx context.Context) (int, error) {
		if err := q.Go(nothing); err != nil {
			return 0, err
		}
		_, err := Submit(ctx, q, obedient, WaitForRoom())
		return 0, err
	})
	if err := ended(t, first); !errors.Is(err, ErrWouldDeadlock) {
		t.Fatal(err)
	}
}

func TestBansRefuseAndCancel(t *testing.T) {
	s := start(t)
	q := s.Queue("banned")
	p := plugIn(t, q)
	<-p.started
	pending := submit(t, q, obedient)
	must(t, s.Ban("banned"))
	if err := ended(t, pending); err != ErrCanceled {
		t.Fatal(err)
	}
	if err := q.Go(nothing); !errors.Is(err, ErrBanned) {
		t.Fatal(err)
	}
	if err := s.Ban("banned"); !errors.Is(err, ErrAlreadyBanned) {
		t.Fatal(err)
	}
	must(t, s.Allow("banned"))
	if err := s.Allow("banned"); !errors.Is(err, ErrNotBanned) {
		t.Fatal(err)
	}
	after := submit(t, q, func(context.Context) (int, error) { return 1, nil })
	p.pull()
	must(t, ended(t, p.Task))
	must(t, ended(t, after))
}

func TestAFailureBansBeforeTheNextStarts(t *testing.T) {
	s := start(t)
	q := s.Queue("q", BanOnFailure())
	pulled := make(chan struct{})
	fails := submit(t, q, func(context.Context) (int, error) { <-pulled; return 0, errors.New("broken") })
	next := submit(t, q, func(context.Context) (int, error) { t.Error("it ran"); return 0, nil })
	close(pulled)
	ended(t, fails)
	if err := ended(t, next); err != ErrCanceled {
		t.Fatal(err)
	}
	if err := q.Go(nothing); !errors.Is(err, ErrBanned) {
		t.Fatal(err)
	}
}

func TestQueuedTasksOfANameAreCancelledTogether(t *testing.T) {
	s := start(t)
	p, other := plugIn(t, s.Queue("q")), plugIn(t, s.Queue("other"))
	<-p.started
	var tasks []*Task[error]
	for range 20 {
		tasks = append(tasks, submit(t, s.Queue("q"), obedient))
	}
	if count, err := s.CancelQueued("q"); count != 20 || err != nil {
		t.Fatal(count, err)
	}
	for _, task := range tasks {
		if err := ended(t, task); err != ErrCanceled {
			t.Fatal(err)
		}
	}
	p.pull()
	other.pull()
	must(t, ended(t, p.Task))
	must(t, ended(t, other.Task))
}

func TestOptionsOfAQueueHoldWhileItIsInUse(t *testing.T) {
	s := start(t)
	q := s.Queue("q", Limit(2))
	if s.Queue("q") != q || s.Queue("q", Limit(2)) != q {
		t.Fatal("not the same")
	}
	if err := s.Queue("q", Limit(3)).Go(nothing); !errors.Is(err, ErrInUse) {
		t.Fatal(err)
	}
	timed := s.Queue("q", Limit(2), Timeout(1))
	must(t, timed.Err())
	if err := ended(t, submit(t, timed, obedient)); err != ErrTimeout {
		t.Fatal(err)
	}
	runtime.KeepAlive(q)
}

func TestWhatIsWrongWithAQueueIsToldByItsFirstAdd(t *testing.T) {
	s := start(t)
	for _, q := range []*Queue{
		s.Queue(strings.Repeat("x", 256)), s.Queue("a\x00b"), s.Queue("\xff"), s.Queue("", Limit(2)), s.Queue("x", Capacity(-1)),
	} {
		if err := q.Go(nothing); !errors.Is(err, ErrInvalidArgument) || q.Err() != err {
			t.Fatal(q.Name(), err)
		}
	}
	for _, name := range []string{"", "a\x00b", strings.Repeat("x", 256)} {
		if err := s.Ban(name); !errors.Is(err, ErrInvalidArgument) {
			t.Fatal(err)
		}
	}
	if err := s.Queue("q").Go(nothing, Timeout(-1)); !errors.Is(err, ErrInvalidArgument) {
		t.Fatal(err)
	}
	must(t, s.Queue(strings.Repeat("x", 255)).Go(nothing))
}

func TestNamesThatAreNoLongerUsedTakeNoRoom(t *testing.T) {
	s := start(t, WithSetting("maximum_queue_line", 0))
	for at := range 20000 {
		must(t, s.Queue(fmt.Sprint("client ", at), Limit(1)).Go(nothing))
	}
	eventually(t, "all are let go of", func() bool {
		runtime.GC()
		s.queues.Lock()
		defer s.queues.Unlock()
		return len(s.queues.open) == 0
	})
	count := 0
	s.tasks.each(func(*task) { count++ })
	if count != 0 {
		t.Fatal(count)
	}
}

func TestAQueuesOptionsHoldWhileAnyOfItsNameIsInUse(t *testing.T) {
	s := start(t)
	other := s.Queue("q", Limit(4), Keep())
	func() {
		first := s.Queue("a", Limit(4))
		must(t, first.Err())
		other = s.Queue("a", Limit(4), Keep())
	}()
	for range 5 {
		runtime.GC() // the first one is gone, if nobody keeps it
		time.Sleep(time.Millisecond)
	}
	if q := s.Queue("a"); q.Err() != nil || q.width() != 4 {
		t.Fatal(q.Err(), q.width())
	}
	must(t, s.Queue("a", Limit(4)).Err())
	runtime.KeepAlive(other)
}

func TestAWrongTimeOutOfAQueueIsTold(t *testing.T) {
	s := start(t)
	if err := s.Queue("q", Timeout(-1)).Err(); !errors.Is(err, ErrInvalidArgument) {
		t.Fatal(err)
	}
}

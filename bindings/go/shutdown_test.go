//go:build cgo

package ts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestAShutdownWaitsForWhatRunsAndCancelsWhatIsPending(t *testing.T) {
	s := start(t)
	p := plugIn(t, s.Queue("q"))
	ctx := <-p.started
	pending := submit(t, s.Queue("q"), obedient)
	done := make(chan error)
	go func() { done <- s.Shutdown(context.Background()) }()
	if err := ended(t, pending); !errors.Is(err, ErrCanceled) || !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if err := s.Queue("other").Go(nothing); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatal("a shutdown that is not forced stops nothing")
	}
	p.pull()
	must(t, <-done)
	must(t, ended(t, p.Task))
}

func TestAShutdownGivesUpWithItsContextAndSaysWhatRuns(t *testing.T) {
	s := start(t)
	p := plugIn(t, s.Queue("stubborn"))
	<-p.started
	for _, how := range []func(context.Context) error{s.Shutdown, s.Stop} {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		err := how(ctx)
		cancel()
		var its *ShutdownError
		if !errors.As(err, &its) || !errors.Is(err, context.DeadlineExceeded) ||
			len(its.Running) != 1 || its.Running[0].Name != "stubborn" || its.Running[0].ID != p.ID() {
			t.Fatal(err)
		}
		if err := how(ctx); !errors.As(err, &its) { // which has ended before
			t.Fatal(err)
		}
	}
	if err := s.Queue("other").Go(nothing); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	p.pull()
	must(t, s.Shutdown(context.Background()))
	if err := ended(t, p.Task); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

func TestCloseIsIdempotentAndMayBeCalledByMany(t *testing.T) {
	s := start(t)
	for range 5 {
		submit(t, s.Queue(""), obedient)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
	}
	all.Wait()
	must(t, s.Close())
	must(t, s.Shutdown(context.Background()))
	if err := s.Queue("q").Go(nothing); err != ErrClosed {
		t.Fatal(err)
	}
	// What is known stays known.
	count := 0
	for status := range s.Tasks() {
		if status.State != Cancelled {
			t.Fatalf("%+v", status)
		}
		count++
	}
	if count != 5 {
		t.Fatal(count, s.Info(false))
	}
}

func TestAddsThatMeetAShutdownAreRefusedOrEnd(t *testing.T) {
	for round := range 200 {
		s, err := New()
		must(t, err)
		var added, ran, refused atomic.Int32
		var all sync.WaitGroup
		begin := make(chan struct{})
		for adder := range 3 {
			all.Add(1)
			go func() {
				defer all.Done()
				<-begin
				for range 50 {
					task, err := Submit(context.Background(), s.Queue(fmt.Sprint(adder)), func(context.Context) (int, error) {
						ran.Add(1)
						return 1, nil
					})
					switch {
					case err == nil:
						added.Add(1)
						if err := ended(t, task); err != nil && !errors.Is(err, ErrClosed) {
							t.Error(err)
						}
					case errors.Is(err, ErrClosed):
						refused.Add(1)
					default:
						t.Error(err)
					}
				}
			}()
		}
		close(begin)
		for range round % 20 {
			runtime.Gosched()
		}
		must(t, s.Close())
		// Nothing runs any more, nor will.
		before := ran.Load()
		all.Wait()
		if after := ran.Load(); after != before || added.Load()+refused.Load() != 150 {
			t.Fatal(before, after, added.Load(), refused.Load())
		}
	}
}

func TestAShutdownInsideATaskIsRefused(t *testing.T) {
	s, other := start(t), start(t)
	q := s.Queue("q")
	for name, how := range map[string]func(context.Context) error{
		"Close":                    func(context.Context) error { return s.Close() },
		"Shutdown":                 s.Shutdown,
		"Stop":                     s.Stop,
		"Shutdown without context": func(context.Context) error { return s.Shutdown(context.Background()) },
		"deep": func(context.Context) error {
			var dive func(depth int) error
			dive = func(depth int) error {
				if depth == 0 {
					return s.Close()
				}
				return dive(depth - 1)
			}
			return dive(300)
		},
	} {
		if _, err := submit(t, q, func(ctx context.Context) (int, error) { return 0, how(ctx) }).Wait(context.Background()); !errors.Is(err, ErrWouldDeadlock) {
			t.Fatal(name, err)
		}
	}
	must(t, q.Go(nothing)) // it is still open
	// Another scheduler's, and one of its own, a task may.
	closes := submit(t, q, func(ctx context.Context) (int, error) {
		if err := other.Stop(ctx); err != nil {
			return 0, err
		}
		inner, err := New()
		if err != nil {
			return 0, err
		}
		if err := inner.Queue("q").Go(func(ctx context.Context) error { <-ctx.Done(); return nil }); err != nil {
			return 0, err
		}
		return 0, inner.Close()
	})
	must(t, ended(t, closes))
}

// Goroutines change threads, and the library knows by thread who holds a claim. No shutdown may take
// that of somebody else for its own.
func TestAShutdownOnAThreadThatHeldClaimsIsNotRefused(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for range 200 {
		s := start(t)
		var plugs []*plug
		for range 8 {
			plugs = append(plugs, plugIn(t, s.Queue("")))
		}
		for _, p := range plugs {
			<-p.started
		}
		go func() {
			for _, p := range plugs {
				runtime.Gosched()
				p.pull()
			}
		}()
		must(t, s.Shutdown(context.Background()))
	}
}

func TestCloseTellsTasksThatStartMeanwhile(t *testing.T) {
	for range 300 {
		s := start(t)
		var all sync.WaitGroup
		for range 4 {
			all.Add(1)
			go func() {
				defer all.Done()
				for s.Queue("").Go(func(ctx context.Context) error { <-ctx.Done(); return nil }) == nil {
				}
			}()
		}
		runtime.Gosched()
		must(t, s.Close())
		all.Wait()
	}
}

// late adds a task as an add does that looked before the shutdown began, up to its second look.
func late(s *Scheduler, q *Queue, do func(context.Context) error) (*task, bool) {
	p := &plainTask{do: do}
	t := &p.task
	t.init(s, q, context.Background(), &q.options.tasks, p)
	t.key = s.tasks.put(t)
	id, starts, err := s.native.add(q.lane, 0, 0, t.key, &t.claim)
	if err != nil {
		panic(err)
	}
	t.id = id
	if starts {
		t.out(isAdded | isOut)
	} else {
		t.phase.Or(isAdded)
	}
	return t, starts
}

func TestWhatComesInBehindAShutdownIsNotRunByTheEndOfAnother(t *testing.T) {
	s := start(t)
	q := s.Queue("q")
	must(t, s.Close())
	do := func(context.Context) error { t.Error("it ran"); return nil }
	first, starts := late(s, q, do)
	second, queued := late(s, q, do)
	if !starts || queued {
		t.Fatal(starts, queued)
	}
	// The first one's add looks, before the second one's does.
	must(t, first.cancel(ErrCanceled, ErrClosed))
	s.work(s.end(first, nil))
	for _, its := range []*task{first, second} {
		if !its.ended.Load() || its.state != Cancelled || !errors.Is(its.err, ErrCanceled) {
			t.Fatal(its.state, its.err)
		}
	}
}

func TestATaskThatRanWasNotRefused(t *testing.T) {
	said := make(chan bool)
	goOn := make(chan bool)
	// A logger is heard in the midst of an add.
	s := start(t, WithLogger(slog.New(&stops{said: said, goOn: goOn})))
	q := s.Queue("q")
	p := plugIn(t, q)
	<-p.started
	ran, added, closed := make(chan bool), make(chan error), make(chan error)
	s.logger.Handler().(*stops).armed.Store(true)
	go func() { added <- q.Go(func(context.Context) error { close(ran); return nil }) }()
	<-said
	p.pull()
	<-ran
	go func() { closed <- s.Close() }()
	eventually(t, "closed", s.closed.Load)
	close(goOn)
	must(t, <-added)
	must(t, <-closed)
}

// stops is a log of which one line waits.
type stops struct {
	armed      atomic.Bool
	said, goOn chan bool
}

func (l *stops) Enabled(context.Context, slog.Level) bool { return true }
func (l *stops) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *stops) WithGroup(string) slog.Handler            { return l }
func (l *stops) Handle(context.Context, slog.Record) error {
	if l.armed.CompareAndSwap(true, false) {
		close(l.said)
		<-l.goOn
	}
	return nil
}

func TestTheContextOfATaskThatHasEndedIsNobodys(t *testing.T) {
	s := start(t)
	left := submit(t, s.Queue("q"), func(ctx context.Context) (context.Context, error) { return ctx, nil })
	ctx, err := left.Wait(context.Background())
	must(t, err)
	must(t, s.Shutdown(context.WithoutCancel(ctx)))
}

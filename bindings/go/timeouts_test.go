//go:build cgo

package ts

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"
)

// timedOnes are the tasks whose bits are set.
func timedOnes(s *Scheduler) (count int) {
	s.tasks.eachTimed(func(*task) { count++ })
	return count
}

func TestOnlyRunningTasksThatCanTimeOutAreLookedAt(t *testing.T) {
	s := start(t, WithSetting("line_task_max", 400), WithSetting("maximum_queue_line", 0))
	var plugs []*plug
	for range 300 { // of more than one chunk of slots
		p := plugIn(t, s.Queue(""), Timeout(time.Hour))
		<-p.started
		plugs = append(plugs, p)
	}
	other := plugIn(t, s.Queue("q"))
	<-other.started
	pending := plugIn(t, s.Queue("q"), Timeout(time.Hour))
	if count := timedOnes(s); count != 300 {
		t.Fatal(count)
	}
	for at, p := range plugs {
		p.pull()
		must(t, ended(t, p.Task))
		if count := timedOnes(s); count != 299-at {
			t.Fatal(at, count)
		}
	}
	other.pull()
	<-pending.started
	if count := timedOnes(s); count != 1 {
		t.Fatal(count)
	}
	pending.pull()
	must(t, ended(t, pending.Task))
	// Their slots are those of others now.
	for range 300 {
		<-plugIn(t, s.Queue("")).started
	}
	if count := timedOnes(s); count != 0 {
		t.Fatal(count)
	}
}

func TestTheLibraryIsAskedOnlyOfTasksThatAreDue(t *testing.T) {
	s := start(t, WithSetting("line_task_max", 600))
	for range 500 {
		<-plugIn(t, s.Queue(""), Timeout(time.Hour)).started
	}
	// So many calls are made: with the clock that says whether any is due, and without it.
	for _, next := range []int64{s.timeouts.next.Load(), 0} {
		s.timeouts.next.Store(next)
		before := runtime.NumCgoCall()
		s.timeouts.look(s)
		if calls := runtime.NumCgoCall() - before; calls >= 500 {
			t.Fatal(calls)
		}
		if next := s.timeouts.next.Load(); next < s.timeouts.now()+int64(time.Minute) {
			t.Fatal("the next one is not known any more")
		}
	}
}

// The library may tell a task between the moment when it hands that out and the one when it is known
// here that it runs.
func TestATimeOutIsHeardOfThatComesBeforeItsTaskIsKnownToRun(t *testing.T) {
	s := start(t)
	task := handedOut(t, s, Timeout(time.Millisecond))
	eventually(t, "a time-out", func() bool {
		s.take()
		return s.native.stopping(task.id) == TimedOut
	})
	s.take()
	task.out(isAdded | isOut)
	if err := task.ctx.Err(); err != context.DeadlineExceeded {
		t.Fatal(err)
	}
	s.dispatch(task)
	<-task.doneChannel()
	if task.state != TimedOut || task.err != ErrTimeout {
		t.Fatal(task.state, task.err)
	}
}

// handedOut is a task that the library has handed out, and of which nothing else is known.
func handedOut(t *testing.T, s *Scheduler, option TaskOption) *task {
	its := &plainTask{do: nothing}
	task := &its.task
	task.init(s, s.Queue("q"), context.Background(), &taskOptions{}, its)
	option.applyTask(&task.options)
	task.key = s.tasks.put(task)
	id, starts, err := s.native.add(task.q.lane, task.options.flags, task.options.timeout, task.key, &task.claim)
	must(t, err)
	if !starts {
		t.Fatal("it may start at once")
	}
	task.id = id
	return task
}

// The library takes watch_dog_time when it hands a task out: before it is read here, or after.
func TestATaskThatStartsWhileWatchDogTimeChangesIsTold(t *testing.T) {
	changes := map[string]func(*Scheduler) *task{
		"raised after it was handed out": func(s *Scheduler) *task {
			must(t, s.Set("watch_dog_time", 20*time.Millisecond))
			task := handedOut(t, s, Timeout(0))
			must(t, s.Set("watch_dog_time", time.Hour))
			task.out(isAdded | isOut)
			return task
		},
		"lowered, and read here when it runs": func(s *Scheduler) *task {
			must(t, s.native.set("watch_dog_time", "0.02"))
			task := handedOut(t, s, Timeout(0))
			task.out(isAdded | isOut)
			s.look()
			return task
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			s := start(t, WithSetting("watch_dog_time", time.Hour))
			task := change(s)
			eventually(t, "a time-out", func() bool {
				s.take()
				return task.ctx.Err() == context.DeadlineExceeded
			})
			s.dispatch(task)
			<-task.doneChannel()
			if task.state != TimedOut {
				t.Fatal(task.state)
			}
		})
	}
}

func TestATimeOutAllocatesNothing(t *testing.T) {
	s := start(t)
	const count = 1000
	costs := func(options ...TaskOption) float64 {
		q := s.Queue("")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range count {
			must(t, ended(t, submit(t, q, obedientOrDone, options...)))
		}
		runtime.ReadMemStats(&after)
		return float64(after.Mallocs-before.Mallocs) / count
	}
	costs(Timeout(time.Hour)) // the waiter's goroutine is there
	plain, timed := costs(), costs(Timeout(time.Hour))
	// What the runtime needs now and then is less than one for each.
	if timed > plain+0.5 {
		t.Fatal(plain, timed)
	}
}

func obedientOrDone(ctx context.Context) (error, error) { return nil, ctx.Err() }

func TestTheFinalStateIsToldWhereverATimeOutMeetsTheEnd(t *testing.T) {
	// Nothing is remembered that could be asked for it.
	s := start(t, WithSetting("maximum_task_info_storage", 0))
	p := plugIn(t, s.Queue("q"), Timeout(time.Millisecond))
	ctx := <-p.started
	<-ctx.Done()
	p.pull()
	if err := ended(t, p.Task); err != ErrTimeout {
		t.Fatal(err)
	}
	failed := submit(t, s.Queue("q"), func(context.Context) (int, error) { return 0, errors.New("own") }, Timeout(time.Hour))
	if err := ended(t, failed); err == nil || err.Error() != "own" || failed.task.state != Failed {
		t.Fatal(err, failed.task.state)
	}
	done := submit(t, s.Queue("q"), obedientOrDone, Timeout(time.Hour))
	if err := ended(t, done); err != nil || done.task.state != Completed {
		t.Fatal(err, done.task.state)
	}
}

//go:build cgo

package ts

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// timeouts know when it is worth asking the library whether a running task has timed out; whether one
// has, and whether that came before another stop, the library says. A bit beside its slot says that a
// task runs and can time out, so a start and an end are a step on that word each.
type timeouts struct {
	// Of whoever looks.
	sync.Mutex
	// One moment by two clocks: Go's and, read a little later, the library's in nanoseconds.
	began  time.Time
	origin int64
	// No task is due before.
	next atomic.Int64
	// When somebody looked last.
	looked atomic.Int64
	// watch_dog_time, and the lesser of it and of what that was before.
	general, least atomic.Int64
}

func (t *timeouts) init() {
	t.began = time.Now()
	t.origin = clock()
	t.next.Store(math.MaxInt64)
}

// now is the library's time, or a little later.
func (t *timeouts) now() int64 { return t.origin + int64(time.Since(t.began)) }

// moment is a time of the library's.
func (t *timeouts) moment(at int64) time.Time { return t.began.Add(time.Duration(at - t.origin)) }

// start notes the start of a task that can time out, which is due no earlier by the library.
//
// The library may have told it already, and whoever looked then have seen no bit. He had said before
// that he looks, and that is read here after the bit was set: so one of the two sees the other.
func (t *timeouts) start(its *task) {
	if its.options.general {
		its.options.timeout = time.Duration(t.general.Load())
	}
	due := t.dueOf(its)
	its.due.Store(due)
	its.s.tasks.setTimed(its.key)
	if its.options.general {
		due = t.dueOf(its)
		its.due.Store(due)
	}
	t.lower(due)
	if due <= t.looked.Load() {
		t.ask(its)
	}
}

// dueOf is when a running task is due at the earliest.
func (t *timeouts) dueOf(its *task) int64 {
	if its.options.general {
		return its.claim.since + t.least.Load()
	}
	return its.claim.since + int64(its.options.timeout)
}

// setGeneral notes watch_dog_time, as it is in the library now. A task is given what that is when it is
// handed out there, and starts here a little later: by then it may be less here, or more. So it counts by
// the lesser of the last two; and who notes a lesser one sees the bit of a task, or that sees it after it
// has set its bit.
func (t *timeouts) setGeneral(s *Scheduler, limit time.Duration) {
	t.Lock()
	defer t.Unlock()
	before := t.general.Swap(int64(limit))
	if before == int64(limit) {
		return
	}
	if before == 0 {
		before = int64(limit) // the first
	}
	t.least.Store(min(before, int64(limit)))
	s.tasks.eachTimed(func(its *task) {
		if its.options.general && its.due.Load() != 0 {
			due := t.dueOf(its)
			its.due.Store(due)
			t.lower(due)
		}
	})
}

func (t *timeouts) lower(due int64) {
	for next := t.next.Load(); due < next && !t.next.CompareAndSwap(next, due); {
		next = t.next.Load()
	}
}

func (t *timeouts) end(its *task) { its.s.tasks.clearTimed(its.key) }

// look tells the tasks to stop which the library has told, of those whose time is over. While none is
// due it costs a look at the clock. A task that starts meanwhile sets its bit before it lowers next: it
// is seen here, or lowers what is set here first.
func (t *timeouts) look(s *Scheduler) {
	t.Lock()
	defer t.Unlock()
	now := t.now()
	t.looked.Store(now)
	if now < t.next.Load() {
		return
	}
	t.next.Store(math.MaxInt64)
	next := int64(math.MaxInt64)
	s.tasks.eachTimed(func(its *task) {
		due := its.due.Load()
		// 0: the slot has another one already, which has not started.
		if due == 0 || its.ctx.word.Load() != live || due <= now && t.ask(its) {
			return
		}
		next = min(next, due)
	})
	t.lower(next)
}

// ask tells a task to stop if the library has: whether it has.
func (t *timeouts) ask(its *task) bool {
	if its.s.native.stopping(its.claim.id) != TimedOut {
		return false
	}
	its.ctx.stop(timedOut, ErrTimeout, nil)
	return true
}

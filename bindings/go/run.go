//go:build cgo

package ts

import (
	"context"
	"errors"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"unicode/utf8"
)

// task is what there is of every task, whatever its result. It stands in a slot until it has ended.
type task struct {
	ctx     taskContext
	s       *Scheduler
	q       *Queue
	body    body
	claim   claim // what it is run by; whoever received it wrote it
	id      ID    // whoever added it wrote it
	key     uintptr
	phase   atomic.Uint32
	ended   atomic.Bool
	options taskOptions
	state   State
	err     error
	done    atomic.Pointer[chan struct{}]
	waits   *waiting     // under the scheduler's waits
	due     atomic.Int64 // see timeouts; 0 until it starts, or if it cannot time out
}

// body is the function of a task, and where its result goes.
type body interface {
	call(ctx context.Context) error
}

// The bits of a phase.
const (
	isAdded   = 1 << iota // its id is known
	isOut                 // its claim is known: it runs, or is about to
	isIn                  // it came in before a shutdown
	isRefused             // it did not, and who adds it says so
	hasBegun              // its function is called, and is no longer refused
)

func (t *task) init(s *Scheduler, q *Queue, ctx context.Context, options *taskOptions, body body) {
	t.s, t.q, t.body, t.options = s, q, body, *options
	t.ctx.parent, t.ctx.owner = ctx, t
}

// add hands the task in, and starts it, if it may start now.
func (s *Scheduler) add(t *task) error {
	if s.closed.Load() {
		return ErrClosed
	}
	if t.options.timed {
		s.needWaiter()
	}
	t.key = s.tasks.put(t)
	id, starts, err := s.native.add(t.q.lane, t.options.flags, t.options.timeout, t.key, &t.claim)
	if err != nil {
		s.tasks.drop(t.key)
		s.say()
		return err
	}
	t.id = id
	if starts {
		t.out(isAdded | isOut)
	} else {
		t.phase.Or(isAdded)
		s.needWaiter()
	}
	s.say()
	if s.closed.Load() && t.phase.Or(isRefused)&hasBegun == 0 {
		// It came in behind a shutdown, which may have ended.
		t.cancel(ErrCanceled, ErrClosed)
		if starts {
			s.dispatch(s.end(t, nil))
		}
		return ErrClosed
	}
	t.phase.Or(isIn)
	if starts {
		s.dispatch(t)
	}
	return nil
}

// begins says whether the task's function is to be called: not that of one that was stopped before, and
// not when a shutdown has begun and may have ended before it came in. Another one may hand it on while
// who adds it has not looked.
func (t *task) begins() bool {
	if t.phase.Load()&isIn == 0 && t.s.closed.Load() || t.phase.Or(hasBegun)&isRefused != 0 {
		t.ctx.stop(stopped, ErrCanceled, ErrClosed)
	}
	return t.ctx.word.Load() == live
}

// out notes that the claim of a task has come.
func (t *task) out(phase uint32) {
	if t.options.timed {
		t.s.timeouts.start(t)
	}
	t.phase.Or(phase)
}

// receive finds the task of a claim, which was queued until now.
func (s *Scheduler) receive(its *claim) *task {
	t := s.tasks.get(its.key)
	if t == nil {
		panic("ts: the library handed out a task that was never added")
	}
	t.claim = *its
	t.out(isOut)
	s.room.tell()
	return t
}

// dispatch has a task run by a goroutine.
func (s *Scheduler) dispatch(t *task) {
	if t != nil {
		go s.work(t)
	}
}

// work runs a task, and every one that the end of the one before hands on.
func (s *Scheduler) work(t *task) {
	for t != nil {
		t = s.runTask(t)
	}
}

// runTask runs one task, whatever its function does: next is the one that its end handed on. Its name
// is what [insideTask] looks for.
func (s *Scheduler) runTask(t *task) (next *task) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if value := recover(); value != nil {
			next = s.end(t, &PanicError{value, debug.Stack()})
			return
		}
		// This goroutine ends with this.
		s.dispatch(s.end(t, ErrGoexit))
	}()
	var err error
	if t.begins() {
		err = t.body.call(&t.ctx)
	}
	returned = true
	return s.end(t, err)
}

// end ends a task that is out, and gives the next one to run. Whether that was told to stop meanwhile its
// word says.
func (s *Scheduler) end(t *task, err error) (next *task) {
	if its := s.endOne(t, err); its.token != 0 {
		return s.receive(&its)
	}
	return nil
}

func (s *Scheduler) endOne(t *task, err error) (next claim) {
	wasTold := !t.ctx.word.CompareAndSwap(live, ending)
	words := wordsOf(err)
	if t.options.timed {
		s.timeouts.end(t)
	}
	// The word decided: a task that was told is told to stop in the library too, before it ends there.
	t.settle(s.native.end(&t.claim, words, wasTold && t.claim.stopped == 0, &next), err)
	s.tasks.drop(t.key)
	s.say()
	if s.closed.Load() {
		s.ends.tell()
	}
	return next
}

// wordsOf is never empty for an error: that it failed is told by them. An error of the task's may be
// anything, also one that panics when it is asked.
func wordsOf(err error) (words string) {
	if err == nil {
		return ""
	}
	defer func() {
		if recover() != nil || words == "" {
			words = "an error without words"
		}
	}()
	return beginning(err.Error())
}

// beginning is as much of the words as the library takes: UTF-8 of at most 255 bytes, without NUL.
func beginning(words string) string {
	const most = 255
	if len(words) <= most && utf8.ValidString(words) && strings.IndexByte(words, 0) < 0 {
		return words
	}
	words = words[:min(len(words), most+utf8.UTFMax)] // which may cut the last one, behind what stays
	words = strings.ReplaceAll(strings.ToValidUTF8(words, "?"), "\x00", "?")
	if len(words) <= most {
		return words
	}
	end := most
	for !utf8.RuneStart(words[end]) {
		end--
	}
	return words[:end]
}

// settle makes the end of a task seen.
func (t *task) settle(state State, err error) {
	switch state {
	case TimedOut:
		t.ctx.stop(timedOut, ErrTimeout, nil)
		err = stoppedAs(ErrTimeout, nil, err)
	case Cancelled:
		var cause error
		if t.claim.stopped != 0 && t.s.closed.Load() {
			cause = ErrClosed // it was cancelled while it was pending, by the shutdown
		}
		if t.ctx.word.Load() == stopped {
			_, cause = t.ctx.why()
		}
		err = stoppedAs(ErrCanceled, cause, err)
	}
	t.state, t.err = state, err
	t.ended.Store(true)
	t.body = nil
	if done := t.done.Load(); done != nil {
		close(*done)
	}
	t.ctx.end()
}

// cancel tells the task to stop, or takes it out of its queue.
func (t *task) cancel(reason, cause error) error {
	if t.ended.Load() {
		return ErrFinished
	}
	var id ID
	if t.phase.Load()&isAdded != 0 {
		id = t.id
	} else {
		id = t.claim.id // it is out, and who added it does not know yet
	}
	if !t.ctx.stop(stopped, reason, cause) {
		switch t.ctx.word.Load() {
		case ending:
			return ErrFinished
		case timedOut:
			return ErrAlreadyStopping
		default:
			return t.timedOutBefore(id)
		}
	}
	t.s.native.stop(id)
	t.s.needWaiter() // of one that does not heed it, it is said after a while
	if t.phase.Load()&isOut == 0 {
		t.s.take() // it comes out to be ended
	}
	t.s.say()
	return t.timedOutBefore(id)
}

// timedOutBefore says of a task that was cancelled here whether its time-out came first in the library,
// and had not been told here.
func (t *task) timedOutBefore(id ID) error {
	if !t.options.timed {
		return nil
	}
	status, err := t.s.native.status(id)
	if err == nil && (status.Stopping == TimedOut || status.State == TimedOut) {
		return ErrAlreadyStopping
	}
	return nil
}

func (t *task) status() Status {
	if t.phase.Load()&isAdded != 0 {
		status, err := t.s.native.status(t.id)
		if !errors.Is(err, ErrNotFound) {
			return status
		}
	}
	status := Status{ID: t.id, Name: t.q.name, State: Pending}
	if t.ended.Load() {
		// Its record made room for others.
		status.State = t.state
		if t.state == Failed {
			status.Error = wordsOf(t.err)
		}
	}
	return status
}

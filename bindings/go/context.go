//go:build cgo

package ts

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// What has become of a task, as its context knows it. The first step away from live decides.
const (
	live     = iota
	ending   // its function has returned, and no stop came before
	stopped  // it was cancelled, here or by a shutdown
	timedOut // it ran for too long
)

// taskContext is the context of a task. It costs no more than a word until somebody wants more of
// it; then that lies in its parts.
type taskContext struct {
	parent context.Context
	owner  *task
	word   atomic.Uint32
	parts  atomic.Pointer[parts]
}

// parts is what a context is asked for now and then.
type parts struct {
	sync.Mutex
	done   chan struct{}
	closed bool
	after  map[*func()]struct{}
	reason error
	cause  error
	detach func() bool     // from the parent
	told   context.Context // cancelled with the cause: what [context.Cause] looks for
}

// more gives the parts, which it makes if there are none. Who makes them looks at the word after it,
// and who moves the word looks for them after that: so one of the two sees the other.
func (c *taskContext) more() *parts {
	if its := c.parts.Load(); its != nil {
		return its
	}
	c.parts.CompareAndSwap(nil, new(parts))
	return c.parts.Load()
}

// Err is nil until the task is told to stop, or has ended: a load of one word.
func (c *taskContext) Err() error {
	switch c.word.Load() {
	case live:
		return nil
	case timedOut:
		return context.DeadlineExceeded
	default:
		return context.Canceled
	}
}

// Done is made when it is first asked for.
func (c *taskContext) Done() <-chan struct{} {
	its := c.more()
	its.Lock()
	defer its.Unlock()
	if its.done == nil {
		its.done = make(chan struct{})
		if c.word.Load() != live {
			its.close()
		}
	}
	return its.done
}

func (p *parts) close() {
	if p.done != nil && !p.closed {
		p.closed = true
		close(p.done)
	}
}

// Deadline is the earlier one of the caller's and of the task's time-out.
func (c *taskContext) Deadline() (deadline time.Time, ok bool) {
	deadline, ok = c.parent.Deadline()
	if its := &c.owner.options; its.timed {
		own := c.owner.s.timeouts.moment(c.owner.claim.since).Add(its.timeout)
		if !ok || own.Before(deadline) {
			return own, true
		}
	}
	return deadline, ok
}

type taskKey struct{}

// Value asks the context that was given to Submit.
func (c *taskContext) Value(key any) any {
	if key == (taskKey{}) {
		return c.owner
	}
	if c.word.Load() != live {
		if value := c.toldContext().Value(key); value != nil {
			return value
		}
	}
	return c.parent.Value(key)
}

// toldContext answers for the cause: context.Cause asks the nearest context of its own kind for it.
func (c *taskContext) toldContext() context.Context {
	its := c.more()
	its.Lock()
	defer its.Unlock()
	if its.told == nil {
		told, cancel := context.WithCancelCause(context.Background())
		cancel(its.why())
		its.told = told
	}
	return its.told
}

func (p *parts) why() error {
	switch {
	case p.cause != nil:
		return p.cause
	case p.reason != nil:
		return p.reason
	default:
		return context.Canceled
	}
}

// AfterFunc has contexts that are derived from this one hear of its end without a goroutine each.
func (c *taskContext) AfterFunc(call func()) func() bool {
	its := c.more()
	its.Lock()
	defer its.Unlock()
	if c.word.Load() != live {
		go call()
		return func() bool { return false }
	}
	if its.after == nil {
		its.after = make(map[*func()]struct{})
	}
	its.after[&call] = struct{}{}
	return func() bool {
		its.Lock()
		defer its.Unlock()
		_, ok := its.after[&call]
		delete(its.after, &call)
		return ok
	}
}

// stop tells the task to stop. False when it had been told, or its function had returned.
func (c *taskContext) stop(word uint32, reason, cause error) bool {
	its := c.more()
	its.Lock()
	defer its.Unlock()
	if c.word.Load() != live {
		return false
	}
	its.reason, its.cause = reason, cause
	if !c.word.CompareAndSwap(live, word) {
		its.reason, its.cause = nil, nil
		return false
	}
	its.tell()
	return true
}

func (p *parts) tell() {
	p.close()
	for call := range p.after {
		go (*call)()
	}
	p.after = nil
}

// end is called once, when the task has ended and its word is no longer live.
func (c *taskContext) end() {
	its := c.parts.Load()
	if its == nil {
		return
	}
	its.Lock()
	detach := its.detach
	its.detach = nil
	its.tell()
	its.Unlock()
	if detach != nil {
		detach()
	}
}

// follow cancels the task when its caller's context ends.
func (c *taskContext) follow() {
	if c.parent.Done() == nil {
		return
	}
	detach := context.AfterFunc(c.parent, func() { c.owner.cancel(ErrCanceled, context.Cause(c.parent)) })
	its := c.more()
	its.Lock()
	if !c.owner.ended.Load() {
		its.detach, detach = detach, nil
	}
	its.Unlock()
	if detach != nil {
		detach()
	}
}

// why says why the task was stopped.
func (c *taskContext) why() (reason, cause error) {
	its := c.more()
	its.Lock()
	defer its.Unlock()
	return its.reason, its.cause
}

// TaskID is the id of the task that the context belongs to, if it belongs to one.
func TaskID(ctx context.Context) (ID, bool) {
	if t, ok := ctx.Value(taskKey{}).(*task); ok {
		return t.claim.id, true
	}
	return ID{}, false
}

// Sleep sleeps. It returns nil when the time has passed, and at once why, when the context ends or
// ended before.
func Sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

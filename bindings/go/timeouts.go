//go:build cgo

package ts

import (
	"sync"
	"sync/atomic"
	"time"
)

// timeouts are the running tasks that can time out. Whether one has, and whether that came before
// another stop, the library says.
type timeouts struct {
	sync.Mutex
	first *task
	count atomic.Int32
}

type links struct {
	next, before *task
}

func (t *timeouts) start(its *task) {
	limit := its.options.timeout
	if limit == 0 {
		limit = time.Duration(its.s.watchDog.Load())
	}
	more := its.ctx.more()
	more.Lock()
	more.deadline = time.Now().Add(limit)
	more.Unlock()
	t.Lock()
	defer t.Unlock()
	t.count.Add(1)
	its.timed.next = t.first
	if t.first != nil {
		t.first.timed.before = its
	}
	t.first = its
}

func (t *timeouts) end(its *task) {
	t.Lock()
	defer t.Unlock()
	t.count.Add(-1)
	next, before := its.timed.next, its.timed.before
	if next != nil {
		next.timed.before = before
	}
	if before != nil {
		before.timed.next = next
	} else {
		t.first = next
	}
	its.timed = links{}
}

// look tells the tasks to stop which the library has told, of those whose time is about over.
func (t *timeouts) look(s *Scheduler) {
	if t.count.Load() == 0 {
		return
	}
	var due []*task
	soon := time.Now().Add(2 * time.Millisecond)
	t.Lock()
	for its := t.first; its != nil; its = its.timed.next {
		if its.ctx.word.Load() != live {
			continue
		}
		if more := its.ctx.more(); more.deadline.Before(soon) {
			due = append(due, its)
		}
	}
	t.Unlock()
	for _, its := range due {
		if s.native.stopping(its.claim.id) == TimedOut {
			its.ctx.stop(timedOut, ErrTimeout, nil)
		}
	}
}

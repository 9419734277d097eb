//go:build cgo

package ts

import (
	"context"
	"sync"
)

// waits are the tasks that wait for tasks. A wait is refused when what it waits for cannot end before
// it: when each way to that end leads back to who is about to wait. What a task does otherwise, on
// channels and locks, is not seen.
type waits struct {
	sync.Mutex
	s *Scheduler
}

// waiting is one wait of a task, which may have several, on several goroutines.
type waiting struct {
	next  *waiting
	whom  *task
	timed bool // it ends by itself
}

func (w *waits) enter(waiter, whom *task, ctx context.Context) (*waiting, error) {
	if waiter.s != w.s {
		return nil, nil // what that one waits for is not known here
	}
	w.Lock()
	defer w.Unlock()
	if !w.canEnd(whom, map[*task]bool{waiter: false}) {
		return nil, &failure{15, "the task cannot end before the one that waits for it"}
	}
	_, timed := ctx.Deadline()
	its := &waiting{waiter.waits, whom, timed}
	waiter.waits = its
	return its, nil
}

func (w *waits) leave(waiter *task, its *waiting) {
	if its == nil {
		return
	}
	w.Lock()
	defer w.Unlock()
	for place := &waiter.waits; *place != nil; place = &(*place).next {
		if *place == its {
			*place = its.next
			return
		}
	}
}

// canEnd says whether the task may get on to its end. known has those of which that is asked already:
// in a circle nobody gets on.
func (w *waits) canEnd(t *task, known map[*task]bool) bool {
	if t.ended.Load() {
		return true
	}
	if can, ok := known[t]; ok {
		return can
	}
	known[t] = false
	can := true
	if t.phase.Load()&isOut != 0 {
		for its := t.waits; its != nil && can; its = its.next {
			can = its.timed || w.canEnd(its.whom, known)
		}
	} else {
		can = w.canStart(t, known)
	}
	known[t] = can
	return can
}

// canStart says whether a pending task gets a place, in its queue and among all.
func (w *waits) canStart(t *task, known map[*task]bool) bool {
	var all, its []*task
	w.s.tasks.each(func(other *task) {
		if other.phase.Load()&isOut == 0 {
			return
		}
		all = append(all, other)
		if other.q.name == t.q.name && t.q.name != "" {
			its = append(its, other)
		}
	})
	some := func(of []*task, most int) bool {
		if most == 0 || len(of) < most {
			return true
		}
		for _, other := range of {
			if w.canEnd(other, known) {
				return true
			}
		}
		return false
	}
	return some(its, t.q.width()) && some(all, int(w.s.most.Load()))
}

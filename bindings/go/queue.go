//go:build cgo

package ts

import (
	"context"
	"errors"
	"runtime"
	"weak"
)

// Queue is where tasks of a name queue: they start in the order in which they were added. It needs no
// closing: it is gone when nobody uses it and no task is in it.
type Queue struct {
	s       *Scheduler
	name    string
	lane    lane
	options queueOptions
	err     error
	first   *Queue // of that name, whose limit and capacity hold: it is known as long as this one
}

// Queue is the queue of that name. While it is in use its options hold, and asking again with the same
// options, or with none, gives the same one; with others it is one that refuses tasks with ErrInUse.
// That, and whatever else is wrong with name and options, is told by the first add, and by Err.
//
// A queue without a name, "", has no order: its tasks queue behind no other.
func (s *Scheduler) Queue(name string, options ...QueueOption) *Queue {
	q := &Queue{s: s, name: name}
	for _, option := range options {
		option.applyQueue(&q.options)
	}
	if q.err = q.check(); q.err != nil || name == "" {
		return q
	}
	s.queues.Lock()
	defer s.queues.Unlock()
	known := s.queues.open[name].Value()
	if known != nil {
		if len(options) == 0 || known.options == q.options {
			return known
		}
		if known.options.limit == q.options.limit && known.options.capacity == q.options.capacity {
			// The same queue, with other options for the tasks that come through here.
			q.first = known
			q.lane, q.err = s.openLane(q)
			return q
		}
		q.err = &failure{23, "the queue \"" + name + "\" is in use with another limit or capacity"}
		return q
	}
	if q.lane, q.err = s.openLane(q); q.err == nil {
		if s.queues.open == nil {
			s.queues.open = make(map[string]weak.Pointer[Queue])
		}
		s.queues.open[name] = weak.Make(q)
		runtime.AddCleanup(q, s.forgetQueue, name)
	}
	return q
}

func (q *Queue) check() error {
	limit, capacity := q.options.limit, q.options.capacity
	switch {
	case q.name == "" && (limit != 0 || capacity != 0):
		return &failure{3, "a queue without a name has no limit and no capacity of its own"}
	case limit < 0 || capacity < 0:
		return &failure{3, "a limit and a capacity are not negative"}
	case !q.options.tasks.isTimeValid():
		return errTimeout
	case q.name == "":
		return nil
	}
	return checkName(q.name)
}

func (s *Scheduler) openLane(q *Queue) (lane, error) {
	its, err := s.native.newLane(q.name, q.options.limit, q.options.capacity)
	if err == nil {
		runtime.AddCleanup(q, freeLane, its)
	}
	return its, err
}

func (s *Scheduler) forgetQueue(name string) {
	s.queues.Lock()
	defer s.queues.Unlock()
	if s.queues.open[name].Value() == nil {
		delete(s.queues.open, name)
	}
}

// Name is the queue's name.
func (q *Queue) Name() string { return q.name }

// Err is why the queue refuses all tasks: nil if it does not.
func (q *Queue) Err() error { return q.err }

// width is how many of its tasks may run at once; 0 for any number.
func (q *Queue) width() int {
	if q.name == "" {
		return 0
	}
	return max(q.options.limit, 1)
}

// plainTask is a task whose result nobody waits for.
type plainTask struct {
	task task
	do   func(context.Context) error
}

func (p *plainTask) call(ctx context.Context) error { return p.do(ctx) }

// Go adds a task. What becomes of it the scheduler's log and [Scheduler.Tasks] say; [Submit] adds one
// that can be waited for. It fails as Submit does.
func (q *Queue) Go(do func(context.Context) error, options ...TaskOption) error {
	t := &plainTask{do: do}
	return q.add(context.Background(), &t.task, t, options)
}

func (q *Queue) add(ctx context.Context, t *task, body body, options []TaskOption) error {
	if q.err != nil {
		return q.err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t.init(q.s, q, ctx, &q.options.tasks, body)
	for _, option := range options {
		option.applyTask(&t.options)
	}
	if !t.options.isTimeValid() {
		return errTimeout
	}
	err := q.s.add(t)
	if err != nil && t.options.room && errors.Is(err, ErrQueueFull) {
		return q.s.addWhenRoom(ctx, t)
	}
	return err
}

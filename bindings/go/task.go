//go:build cgo

package ts

import "context"

// Task is a task that was added by [Submit], with its result. It stays good for as long as you keep
// it, whatever becomes of its record in the scheduler.
type Task[T any] struct {
	task  task
	do    func(context.Context) (T, error)
	value T
}

func (t *Task[T]) call(ctx context.Context) (err error) {
	do := t.do
	t.do = nil // what it holds is not held as long as the handle
	t.value, err = do(ctx)
	return err
}

// Submit adds a task to a queue. Its function gets a context of its own, which has the values of ctx;
// when ctx ends, the task is cancelled, be it pending or running.
//
// It fails with ErrBanned, ErrQueueFull or ErrClosed, or with what the queue could not be opened for;
// and when ctx has ended, with the cause of that.
func Submit[T any](ctx context.Context, q *Queue, do func(context.Context) (T, error), options ...TaskOption) (*Task[T], error) {
	t := &Task[T]{do: do}
	if err := q.add(ctx, &t.task, t, options); err != nil {
		return nil, err
	}
	t.task.ctx.follow()
	return t, nil
}

// ID is the id of the task.
func (t *Task[T]) ID() ID { return t.task.id }

// Wait waits until the task has ended, and gives its result: what its function returned, or an error
// that says why it was stopped. When ctx ends first, it gives the cause of that; the task goes on.
//
// Inside a task pass on that task's context: a wait that could not end before its own task does gives
// ErrWouldDeadlock.
func (t *Task[T]) Wait(ctx context.Context) (T, error) {
	if err := t.task.wait(ctx); err != nil {
		var none T
		return none, err
	}
	return t.result()
}

// Done is closed when the task has ended.
func (t *Task[T]) Done() <-chan struct{} { return t.task.doneChannel() }

// Result is the result of a task that has ended, as Wait gives it; else ErrNotFinished.
func (t *Task[T]) Result() (T, error) {
	if !t.task.ended.Load() {
		var none T
		return none, ErrNotFinished
	}
	return t.result()
}

func (t *Task[T]) result() (T, error) {
	if t.task.state != Completed {
		var none T
		return none, t.task.err
	}
	return t.value, nil
}

// Cancel tells the task to stop; a pending one is cancelled on the spot. nil is a promise: the task
// ends as Cancelled, with ErrCanceled. Until it has ended nil is given again; after that, and when its
// function had returned before, ErrFinished; and ErrAlreadyStopping when its time-out came first.
func (t *Task[T]) Cancel() error { return t.task.cancel(ErrCanceled, nil) }

// Status is what is known of the task. Of one that ended, and whose record has made room for others,
// that is its id, name, state and error.
func (t *Task[T]) Status() Status { return t.task.status() }

//go:build cgo

package ts

import "context"

// wait waits until the task has ended.
func (t *task) wait(ctx context.Context) error {
	if t.ended.Load() {
		return nil
	}
	done := t.doneChannel()
	if waiter, ok := ctx.Value(taskKey{}).(*task); ok {
		its, err := t.s.waits.enter(waiter, t, ctx)
		if err != nil {
			return err
		}
		defer t.s.waits.leave(waiter, its)
	}
	over := ctx.Done()
	if over == nil {
		<-done
		return nil
	}
	select {
	case <-done:
		return nil
	case <-over:
		if t.ended.Load() {
			return nil
		}
		return context.Cause(ctx)
	}
}

var closedChannel = func() chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}()

// doneChannel is made when it is first asked for: who publishes it looks whether the task has ended
// after that, and who ends the task looks for it after that.
func (t *task) doneChannel() <-chan struct{} {
	done := t.done.Load()
	if done == nil {
		fresh := make(chan struct{})
		if t.ended.Load() || !t.done.CompareAndSwap(nil, &fresh) {
			if t.ended.Load() {
				return closedChannel
			}
			return *t.done.Load()
		}
		done = &fresh
	}
	if t.ended.Load() {
		return closedChannel
	}
	return *done
}

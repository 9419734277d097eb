//go:build cgo

package ts

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// bell tells all that wait for something, and costs a load where nobody does.
type bell struct {
	waiting atomic.Int32
	mutex   sync.Mutex
	rung    chan struct{}
}

// wait gives what will be closed at the next ring. Who calls it looks for what it waits for after it.
func (b *bell) wait() <-chan struct{} {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.rung == nil {
		b.rung = make(chan struct{})
	}
	return b.rung
}

func (b *bell) tell() {
	if b.waiting.Load() == 0 {
		return
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.rung != nil {
		close(b.rung)
		b.rung = nil
	}
}

// addWhenRoom adds a task as soon as not too many are pending. The library could wait too, but on a
// thread, which would be one that goroutines need.
func (s *Scheduler) addWhenRoom(ctx context.Context, t *task) error {
	if waiter, ok := ctx.Value(taskKey{}).(*task); ok && waiter.s == s && !waiter.ended.Load() {
		return &failure{15, "the task that waits for room may be what the queue waits for"}
	}
	s.room.waiting.Add(1)
	defer s.room.waiting.Add(-1)
	for {
		rung := s.room.wait()
		if err := s.add(t); err == nil || !errors.Is(err, ErrQueueFull) {
			return err
		}
		select {
		case <-rung:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

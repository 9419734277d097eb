//go:build cgo

package ts

import (
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// waiter takes what becomes runnable, or is only to be ended, without a call of ours that says so: a
// time-out, a place that is free again just when nobody looked. It waits for the library's descriptor
// as for a socket: that holds no thread.
type waiter struct {
	file    *os.File
	fd      uintptr
	started atomic.Bool
	once    sync.Once
}

func (w *waiter) open(s *Scheduler) error {
	fd, err := s.native.fd()
	if err != nil {
		return err
	}
	w.fd = fd
	w.file = os.NewFile(fd, "claims")
	// What cannot be waited for has no deadline.
	if err := w.file.SetReadDeadline(time.Time{}); err != nil {
		w.file.Close()
		return &failure{20, "the claims' file descriptor cannot be waited for: " + err.Error()}
	}
	return nil
}

// needWaiter sees to it that somebody waits: from the first task on that is queued or can time out.
func (s *Scheduler) needWaiter() {
	if !s.waiter.started.Load() {
		s.waiter.once.Do(func() {
			s.waiter.started.Store(true)
			go s.waiter.run(s)
		})
	}
}

func (w *waiter) run(s *Scheduler) {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return // closed
	}
	_ = raw.Read(func(fd uintptr) bool {
		// It is heard of once when it becomes readable: so until it is not.
		for s.take(); readable(fd); s.take() {
			time.Sleep(100 * time.Microsecond) // a moment that has almost come
		}
		return false // until the file is closed
	})
}

func (w *waiter) close() { w.file.Close() }

// take takes what is there, has it run, and tells tasks whose time is over.
func (s *Scheduler) take() {
	var claims [16]claim
	for {
		count := s.native.take(&claims)
		for at := range count {
			t := s.receive(&claims[at])
			if t.claim.stopped != 0 {
				t = s.end(t, nil)
			}
			s.dispatch(t)
		}
		if count == 0 {
			break
		}
	}
	s.timeouts.look(s)
	s.say()
}

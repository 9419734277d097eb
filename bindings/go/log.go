//go:build cgo

package ts

import (
	"context"
	"log/slog"
	"time"
)

// say hands on what the library has said in calls of this scheduler. One goroutine does at a time, so
// that lines stay in order; a logger may call the scheduler.
func (s *Scheduler) say() {
	if s.logger == nil {
		return
	}
	for s.logging.CompareAndSwap(false, true) {
		some := false
		for {
			level, text, ok := s.native.logLine()
			if !ok {
				break
			}
			some = true
			s.logger.Log(context.Background(), levelOf(level), text)
		}
		s.logging.Store(false)
		if !some {
			return
		}
		// Another one may have left something to us just before.
	}
}

// sayAll returns when nothing is left to be said, and nobody is still saying it; a logger that never
// returns, or that calls this itself, is not waited for.
func (s *Scheduler) sayAll() {
	s.say()
	for deadline := time.Now().Add(time.Second); s.logging.Load() && time.Now().Before(deadline); s.say() {
		time.Sleep(100 * time.Microsecond)
	}
}

func levelOf(level int) slog.Level {
	switch level {
	case 1:
		return slog.LevelDebug
	case 2:
		return slog.LevelInfo
	case 3:
		return slog.LevelWarn
	default:
		return slog.LevelError
	}
}

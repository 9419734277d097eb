//go:build cgo

package ts

import (
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"weak"
)

// Scheduler has its own names, queues, limits and tasks. All of its methods may be called by any
// goroutine, tasks included.
type Scheduler struct {
	native *native
	tasks  slots
	queues struct {
		sync.Mutex
		open map[string]weak.Pointer[Queue]
	}
	room     bell // a pending task is no longer
	ends     bell // a task has ended, in a shutdown
	waits    waits
	timeouts timeouts
	waiter   waiter
	logger   *slog.Logger
	logging  atomic.Bool
	closed   atomic.Bool  // takes no tasks any more
	retired  atomic.Bool  // and has none
	inside   bool         // it was made inside a task
	most     atomic.Int64 // line_task_max
}

// New makes a scheduler. Close it.
func New(options ...Option) (*Scheduler, error) {
	var its settings
	for _, option := range options {
		option(&its)
	}
	native, err := newNative(its.yaml, its.logger != nil)
	if err != nil {
		return nil, err
	}
	s := &Scheduler{native: native, logger: its.logger, inside: insideTask()}
	s.waits.s = s
	s.timeouts.init()
	for _, path := range its.files {
		if err := native.load(path); err != nil {
			return nil, err
		}
	}
	for _, each := range its.keys {
		if err := native.set(each.key, textOf(each.value)); err != nil {
			return nil, err
		}
	}
	s.look()
	if err := s.waiter.open(s); err != nil {
		return nil, err
	}
	return s, nil
}

// Set changes one key of the configuration, at once: see the library's docs/configuration.md for the
// keys. Durations may be a [time.Duration].
func (s *Scheduler) Set(key string, value any) error {
	return s.change(func() error { return s.native.set(key, textOf(value)) })
}

// Load changes the keys that a YAML file sets.
func (s *Scheduler) Load(path string) error {
	return s.change(func() error { return s.native.load(path) })
}

func (s *Scheduler) change(change func() error) error {
	err := change()
	s.look()
	s.room.tell()
	s.take() // more may run now
	s.say()
	return err
}

// Get is the value of a key, as text.
func (s *Scheduler) Get(key string) (string, error) { return s.native.get(key) }

func (s *Scheduler) look() {
	if most, err := s.native.get("line_task_max"); err == nil {
		if most, err := strconv.Atoi(most); err == nil {
			s.most.Store(int64(most))
		}
	}
	if seconds, err := s.native.get("watch_dog_time"); err == nil {
		if seconds, err := strconv.ParseFloat(seconds, 64); err == nil {
			s.timeouts.setGeneral(s, time.Duration(seconds*float64(time.Second)))
		}
	}
}

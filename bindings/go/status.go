//go:build cgo

package ts

import (
	"encoding/hex"
	"errors"
	"iter"
	"time"
)

// ID is the id of a task: a UUID. It is never used again.
type ID [16]byte

// String writes it as text, such as "cf478b6e-5e02-89b8-9031-4adc6ff915c2".
func (id ID) String() string {
	text := make([]byte, 0, 36)
	for at, each := range id {
		switch at {
		case 4, 6, 8, 10:
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, []byte{each})
	}
	return string(text)
}

// ParseID reads what String writes, in lower or upper case.
func ParseID(text string) (ID, error) {
	var id ID
	if len(text) == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-' {
		digits := text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
		if _, err := hex.Decode(id[:], []byte(digits)); err == nil {
			return id, nil
		}
	}
	return ID{}, &failure{3, "an id has 36 characters, such as cf478b6e-5e02-89b8-9031-4adc6ff915c2"}
}

// MarshalText is String, for encoding/json and others.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is ParseID, for encoding/json and others.
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}

// State is where a task stands. The last four are final.
type State int32

const (
	// Pending: added, not started.
	Pending State = 1
	// Running: its function was called, and has not returned.
	Running State = 2
	// Completed: its function returned nil.
	Completed State = 3
	// Failed: its function returned an error, panicked or left by [runtime.Goexit].
	Failed State = 4
	// TimedOut: it ran for too long, was told to stop, and has returned.
	TimedOut State = 5
	// Cancelled: it was told to stop, and has returned or never started.
	Cancelled State = 6
)

// String gives the words that [Scheduler.Info] has.
func (s State) String() string {
	words := [...]string{"none", "pending", "running", "completed", "failed", "timeout", "cancelled"}
	if s < 0 || int(s) >= len(words) {
		return "unknown"
	}
	return words[s]
}

// Final says whether the task has ended.
func (s State) Final() bool { return s >= Completed }

// Status is all that is known of a task at one moment.
type Status struct {
	ID    ID
	Name  string
	State State
	// Stopping is the state in which a running task will end that was told to stop; else 0.
	Stopping State
	// Stuck: it still runs, long after it was told to stop.
	Stuck bool
	// Error is what went wrong, in at most 255 bytes, when it failed.
	Error string
	// Added, Started and Ended are zero while that has not happened.
	Added, Started, Ended time.Time
}

// Status is what is known of the task of that id: of a finished one while it is among the last
// maximum_task_info_storage ones, or was added with [Keep].
func (s *Scheduler) Status(id ID) (Status, error) { return s.native.status(id) }

// Forget gives up the record of a task that was added with [Keep].
func (s *Scheduler) Forget(id ID) error { return s.native.forget(id) }

// Tasks are the tasks that are known when it begins, finished ones included, in the order of their
// adds.
func (s *Scheduler) Tasks() iter.Seq[Status] {
	return func(yield func(Status) bool) {
		for _, status := range s.native.list() {
			if !yield(status) {
				return
			}
		}
	}
}

// Info is a text for people: the tasks that are known, with the time that each ran, and the last ten
// errors; with their ids if you like.
func (s *Scheduler) Info(ids bool) string {
	text, err := s.native.info(ids)
	if err != nil {
		return err.Error()
	}
	return text
}

// Ban refuses tasks of that name from now on, and cancels the pending ones; running ones go on.
func (s *Scheduler) Ban(name string) error {
	return s.byName(name, func() error { return s.native.ban(name) })
}

// Allow lifts the ban of a name. Tasks that it cancelled stay cancelled.
func (s *Scheduler) Allow(name string) error {
	return s.byName(name, func() error { return s.native.allow(name) })
}

// CancelQueued cancels the pending tasks of a name: how many there were. Running ones go on.
func (s *Scheduler) CancelQueued(name string) (count int, err error) {
	err = s.byName(name, func() (err error) {
		count, err = s.native.cancelQueued(name)
		return err
	})
	return count, err
}

func (s *Scheduler) byName(name string, call func() error) error {
	if err := checkName(name); err != nil {
		return err
	}
	err := call()
	s.take() // what was cancelled while it was pending
	s.say()
	return err
}

// Cancel stops the task of that id, as [Task.Cancel] does.
func (s *Scheduler) Cancel(id ID) error {
	if t := s.tasks.find(id); t != nil {
		return t.cancel(ErrCanceled, nil)
	}
	if _, err := s.native.status(id); errors.Is(err, ErrNotFound) {
		return err
	}
	return ErrFinished
}

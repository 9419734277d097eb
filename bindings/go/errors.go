//go:build cgo

package ts

import (
	"context"
	"errors"
	"fmt"
)

// failure is an error of the library's, or one like it. Two of the same code are the same to
// [errors.Is], whatever their words.
type failure struct {
	code    int32
	message string
}

const (
	codeTimedOut = 14 // of a wait, which never leaves this package
	codeCanceled = -1
	codeTimeout  = -2
	codeGoexit   = -3
)

// What calls and tasks fail with, for [errors.Is]. The error itself says what was wrong with what.
var (
	// ErrInvalidArgument: a value that is not allowed.
	ErrInvalidArgument error = &failure{3, "a value is not allowed"}
	// ErrNotFound: no such task: it was never added, or its record is gone.
	ErrNotFound error = &failure{4, "there is no such task"}
	// ErrBanned: the name is banned.
	ErrBanned error = &failure{5, "the name is banned"}
	// ErrAlreadyBanned: the name was banned before.
	ErrAlreadyBanned error = &failure{6, "the name was banned before"}
	// ErrNotBanned: the name is not banned.
	ErrNotBanned error = &failure{7, "the name is not banned"}
	// ErrQueueFull: as many tasks are pending as the queue or the scheduler allows.
	ErrQueueFull error = &failure{8, "too many tasks are pending"}
	// ErrClosed: the scheduler was closed, or is being shut down. A task that was stopped by that ends
	// with an error that is both ErrCanceled and ErrClosed.
	ErrClosed error = &failure{9, "the scheduler is closed"}
	// ErrNotFinished: the task has not ended.
	ErrNotFinished error = &failure{10, "the task has not ended"}
	// ErrFinished: the task has ended.
	ErrFinished error = &failure{11, "the task has ended"}
	// ErrAlreadyStopping: the task is being stopped for another reason, which came first.
	ErrAlreadyStopping error = &failure{12, "the task is being stopped for another reason"}
	// ErrWouldDeadlock: the call would wait for its own caller.
	ErrWouldDeadlock error = &failure{15, "the call would wait for its own caller"}
	// ErrConfig: a setting that does not exist or has a value that is not allowed.
	ErrConfig error = &failure{18, "the configuration is not allowed"}
	// ErrOutOfMemory: the library got no memory.
	ErrOutOfMemory error = &failure{19, "memory ran out"}
	// ErrSystem: the operating system refused something.
	ErrSystem error = &failure{20, "the operating system refused"}
	// ErrForked: the scheduler was made before a fork, by the parent process.
	ErrForked error = &failure{21, "the scheduler belongs to the parent process"}
	// ErrInternal: a fault inside the library was caught. Please report it.
	ErrInternal error = &failure{22, "a fault inside the library was caught"}
	// ErrInUse: another Queue of that name is open, with other options.
	ErrInUse error = &failure{23, "the name is in use with other options"}

	// ErrCanceled: the task was told to stop before its function returned. It is also
	// [context.Canceled].
	ErrCanceled error = &failure{codeCanceled, "the task was cancelled"}
	// ErrTimeout: the task ran for too long and was told to stop. It is also
	// [context.DeadlineExceeded].
	ErrTimeout error = &failure{codeTimeout, "the task ran for too long and was stopped"}
	// ErrGoexit: the task's function ended its goroutine by [runtime.Goexit].
	ErrGoexit error = &failure{codeGoexit, "the task called runtime.Goexit"}
)

func (f *failure) Error() string { return f.message }

// Is makes errors of one code one, and those that a context has too, that.
func (f *failure) Is(target error) bool {
	switch target {
	case context.Canceled:
		return f.code == codeCanceled
	case context.DeadlineExceeded:
		return f.code == codeTimeout
	}
	its, ok := target.(*failure)
	return ok && its.code == f.code
}

// Timeout is what the package net asks of errors.
func (f *failure) Timeout() bool { return f.code == codeTimeout }

// PanicError is how a task ends whose function panicked.
type PanicError struct {
	// Value is what panic was called with.
	Value any
	// Stack is the stack of the goroutine at that moment.
	Stack []byte
}

func (p *PanicError) Error() string { return fmt.Sprintf("the task panicked: %v", p.Value) }

// Unwrap gives the value, if that is an error.
func (p *PanicError) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// StoppedError is how a task ends that was told to stop, where there is more to say than ErrCanceled
// or ErrTimeout.
type StoppedError struct {
	// Reason is ErrCanceled or ErrTimeout.
	Reason error
	// Cause is why: ErrClosed, or the cause of the context that was given to [Submit]; or nil.
	Cause error
	// Returned is what the function returned after it was told, if that was an error of its own.
	Returned error
}

func (s *StoppedError) Error() string {
	text := s.Reason.Error()
	if s.Cause != nil {
		text += ": " + s.Cause.Error()
	}
	return text
}

// Unwrap gives all three, as far as there are any.
func (s *StoppedError) Unwrap() []error {
	all := []error{s.Reason}
	for _, err := range []error{s.Cause, s.Returned} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// stoppedAs puts together how a stopped task ends.
func stoppedAs(reason, cause, returned error) error {
	if returned != nil && isOfContext(returned) {
		returned = nil // it only says that it was told
	}
	if cause == nil && returned == nil {
		return reason
	}
	return &StoppedError{reason, cause, returned}
}

// isOfContext asks an error of the task's, which may be anything, also one that panics when it is asked.
func isOfContext(err error) (is bool) {
	defer func() { _ = recover() }()
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// ShutdownError says what kept a shutdown from its end in time.
type ShutdownError struct {
	// Running are the tasks that still run. They end as ever.
	Running []Status
	// Err is the error of the context that ended first.
	Err error
}

func (s *ShutdownError) Error() string {
	return fmt.Sprintf("the shutdown was given up: %d tasks still run: %v", len(s.Running), s.Err)
}

// Unwrap gives the error of the context.
func (s *ShutdownError) Unwrap() error { return s.Err }

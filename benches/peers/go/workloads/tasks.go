// Package workloads has the workloads, once for every peer in Go, as ../../workloads.h has them for C
// and C++. A peer is a program that makes a Peer and calls Main.
package workloads

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"
)

// NoName is for a task that is behind no other.
const NoName = -1

// Peer is what the workloads run on.
type Peer struct {
	Name, Version string
	// Dash is the reason for a dash, or "".
	Dash func(workload string) string
	// Start has names 0 to names-1 there; perName is how many tasks each may have to keep.
	Start func(names, perName int)
	Add   func(name int, run func(uint64), data uint64)
	End   func()
	// StartSleeper starts a task that sleeps: NoteEntered, sleep, NoteReached. StopSleeper stops it.
	StartSleeper, StopSleeper func()
	// Sleep has so many call Armed, sleep until then, and call Slept.
	Sleep func(count int, due time.Time)
}

// check is of a name: the number its next task must have. A line of the cache each.
type check struct {
	next, count uint64
	_           [48]byte
}

var (
	checks               []check
	namesLeft, disorders atomic.Int64
	ended                atomic.Bool
	endedAt              time.Time
)

func fail(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}

// until waits for what hangs only when it takes two minutes.
func until(done func() bool, step time.Duration) {
	for begin := time.Now(); !done(); time.Sleep(step) {
		if time.Since(begin) > 2*time.Minute {
			fail("hangs: a task did not run")
		}
	}
}

func numbered(name, number int) uint64 { return uint64(name)<<32 | uint64(number) }

func expect(tasks, names int) {
	checks = make([]check, names)
	for name := range checks {
		checks[name].count = uint64(tasks / names)
		if name < tasks%names {
			checks[name].count++
		}
	}
	namesLeft.Store(int64(min(names, tasks)))
}

func runNamed(data uint64) {
	number, own := data&0xffffffff, &checks[data>>32]
	if own.next != number {
		disorders.Add(1)
	}
	own.next = number + 1
	if number+1 == own.count && namesLeft.Add(-1) == 0 {
		endedAt = time.Now()
		ended.Store(true)
	}
}

func untilEnded() time.Time {
	until(ended.Load, 50*time.Microsecond)
	return endedAt
}

func checkAllRan() {
	if disorders.Load() != 0 {
		fail("tasks of a name did not run in the order of their adds")
	}
	for name := range checks {
		if checks[name].next != checks[name].count {
			fail("a task was lost, or ran twice")
		}
	}
}

// Without a name each processor counts for itself, more or less: stacks of goroutines that have ended
// are used again by the same one, so where a stack lies tells them apart well enough to keep them from
// one line of the cache.
var slots [256]struct {
	count atomic.Int64
	_     [56]byte
}

func runUnnamed(uint64) {
	var here byte
	slots[uintptr(unsafe.Pointer(&here))>>11%256].count.Add(1)
}

func unnamedRan() (all int) {
	for at := range slots {
		all += int(slots[at].count.Load())
	}
	return all
}

var (
	reached, entered atomic.Bool
	reachedAt        time.Time
	sleepersDone     atomic.Int64
	sleepersArmed    atomic.Int64
)

// NoteReached is called by what W5 and W6 wait for.
func NoteReached() {
	reachedAt = time.Now()
	reached.Store(true)
}

// NoteEntered is called by a sleeper before it sleeps.
func NoteEntered() { entered.Store(true) }

// Armed is called by each sleeper of W7 before it sleeps.
func Armed() { sleepersArmed.Add(1) }

// Slept is called by each sleeper of W7.
func Slept() { sleepersDone.Add(1) }

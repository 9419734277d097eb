package workloads

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type figure struct {
	value      float64
	unit, more string
}

func each(took time.Duration, tasks int) float64 { return float64(took.Nanoseconds()) / float64(tasks) }

func resident() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		fail("no /proc/self/statm")
	}
	pages, _ := strconv.Atoi(fields[1])
	return float64(pages * os.Getpagesize())
}

func (p *Peer) withoutName(tasks int) figure {
	p.Start(0, 0)
	begin := time.Now()
	for range tasks {
		p.Add(NoName, runUnnamed, 0)
	}
	until(func() bool { return unnamedRan() >= tasks }, 50*time.Microsecond)
	took := time.Since(begin)
	p.End()
	if unnamedRan() != tasks {
		fail("a task ran twice")
	}
	return figure{each(took, tasks), "ns", ""}
}

func (p *Peer) produce(first, step, tasks, names int) {
	name, number := first, 0
	for at := first; at < tasks; at += step {
		p.Add(name, runNamed, numbered(name, number))
		if name += step; name >= names {
			name = first
			number++
		}
	}
}

func (p *Peer) withNames(tasks, names, producers int) figure {
	expect(tasks, names)
	p.Start(names, 0)
	begin := time.Now()
	var all sync.WaitGroup
	for first := range producers {
		all.Add(1)
		go func() {
			defer all.Done()
			p.produce(first, producers, tasks, names)
		}()
	}
	all.Wait()
	took := untilEnded().Sub(begin)
	p.End()
	checkAllRan()
	return figure{each(took, tasks), "ns", ""}
}

var (
	iterations int
	sink       atomic.Uint64
)

func work(count int) {
	value := uint64(count)
	for range count {
		value = value*6364136223846793005 + 1442695040888963407
	}
	sink.Store(value)
}

func runWork(uint64) {
	work(iterations)
	runUnnamed(0)
}

func bare(tasks int) time.Duration {
	var left atomic.Int64
	var all sync.WaitGroup
	left.Store(int64(tasks))
	begin := time.Now()
	for range runtime.GOMAXPROCS(0) {
		all.Add(1)
		go func() {
			defer all.Done()
			for left.Add(-16) > -16 {
				for range 16 {
					work(iterations)
				}
			}
		}()
	}
	all.Wait()
	return time.Since(begin)
}

func (p *Peer) efficiency(tasks int) figure {
	best := time.Second
	for range 20 {
		begin := time.Now()
		work(1_000_000)
		best = min(best, time.Since(begin))
	}
	iterations = int(4600 / float64(best.Nanoseconds()) * 1e6)
	without := bare(tasks / 2)
	p.Start(0, 0)
	begin := time.Now()
	for range tasks {
		p.Add(NoName, runWork, 0)
	}
	until(func() bool { return unnamedRan() >= tasks }, 50*time.Microsecond)
	took := time.Since(begin)
	p.End()
	if unnamedRan() != tasks {
		fail("a task ran twice")
	}
	without += bare(tasks / 2)
	return figure{without.Seconds() / took.Seconds(), "of 1", ""}
}

// untilSet keeps the caller busy: it does not give way to what it waits for.
func untilSet(flag *atomic.Bool) {
	begin := time.Now()
	for round := 1; !flag.Load(); round++ {
		if round%1_000_000 == 0 && time.Since(begin) > 2*time.Minute {
			fail("hangs: a task did not run")
		}
	}
}

func (p *Peer) latency(times int, stopping bool) figure {
	p.Start(1, 0)
	took := make([]float64, times)
	for at := range took {
		reached.Store(false)
		entered.Store(false)
		if stopping {
			p.StartSleeper()
			untilSet(&entered)
		}
		time.Sleep(300 * time.Microsecond)
		begin := time.Now()
		if stopping {
			p.StopSleeper()
		} else {
			p.Add(0, func(uint64) { NoteReached() }, 0)
		}
		untilSet(&reached)
		took[at] = float64(reachedAt.Sub(begin).Nanoseconds()) / 1e3
	}
	p.End()
	slices.Sort(took)
	return figure{took[times/2], "us", fmt.Sprintf(`, "p99": %.1f`, took[times*99/100])}
}

func (p *Peer) sleepers(count, seconds int) figure {
	p.Start(0, 0)
	step := 500 * time.Microsecond
	p.Sleep(1, time.Now())
	until(func() bool { return sleepersDone.Load() == 1 }, step)
	before, begin := resident(), time.Now()
	due := begin.Add(time.Duration(seconds) * time.Second)
	p.Sleep(count, due)
	until(func() bool { return sleepersArmed.Load() == int64(count+1) }, step)
	created := time.Now()
	bytes := (resident() - before) / float64(count)
	if created.Add(500*time.Millisecond).After(due) || sleepersDone.Load() != 1 {
		fail("creating took too long")
	}
	until(func() bool { return sleepersDone.Load() == int64(count+1) }, step)
	return figure{bytes, "bytes", fmt.Sprintf(`, "create_ns": %.1f, "expire_ns": %.1f`,
		each(created.Sub(begin), count), each(time.Since(due), count))}
}

// wakeUps is of all threads but the one that asks.
func wakeUps() (all int) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		fail("no /proc/self/task")
	}
	for _, thread := range threads {
		if thread.Name() == strconv.Itoa(syscall.Gettid()) {
			continue
		}
		text, _ := os.ReadFile("/proc/self/task/" + thread.Name() + "/status")
		if _, after, found := strings.Cut(string(text), "\nvoluntary_ctxt_switches:"); found {
			count, _ := strconv.Atoi(strings.Fields(after)[0])
			all += count
		}
	}
	return all
}

// idle sleeps in a system call on a thread of its own: a sleep of the runtime's would wake its threads.
func (p *Peer) idle(seconds int) figure {
	runtime.LockOSThread()
	expect(10_000, 100)
	p.Start(100, 0)
	p.produce(0, 1, 10_000, 100)
	untilEnded()
	nap := func(seconds int) {
		if err := syscall.Nanosleep(&syscall.Timespec{Sec: int64(seconds)}, nil); err != nil {
			fail(err.Error())
		}
	}
	nap(1)
	before := wakeUps()
	nap(seconds)
	woke := wakeUps() - before
	p.End()
	checkAllRan()
	return figure{float64(woke), "wake-ups", ""}
}

func (p *Peer) queued(tasks int) figure {
	started, release := make(chan struct{}), make(chan struct{})
	expect(tasks, 1)
	p.Start(1, tasks)
	p.Add(0, func(uint64) {
		close(started)
		<-release
	}, 0)
	<-started
	before, begin := resident(), time.Now()
	p.produce(0, 1, tasks, 1)
	took := time.Since(begin)
	bytes := (resident() - before) / float64(tasks)
	close(release)
	untilEnded()
	p.End()
	checkAllRan()
	return figure{bytes, "bytes", fmt.Sprintf(`, "add_ns": %.1f`, each(took, tasks))}
}

// Main runs the workload that the arguments name, and prints a line of JSON.
func Main(p *Peer) {
	number := func(at, otherwise int) int {
		if len(os.Args) > at {
			if its, err := strconv.Atoi(os.Args[at]); err == nil {
				return its
			}
		}
		return otherwise
	}
	if len(os.Args) < 2 {
		fail("usage: " + os.Args[0] + " WORKLOAD [TASKS [NAMES]]")
	}
	workload, million := os.Args[1], number(2, 1_000_000)
	about := fmt.Sprintf(`"peer": %q, "workload": %q, "version": %q`, p.Name, workload, p.Version)
	if reason := p.Dash(workload); reason != "" {
		fmt.Printf("{%s, \"dash\": %q}\n", about, reason)
		return
	}
	var its figure
	switch workload {
	case "W1":
		its = p.withoutName(million)
	case "W1k":
		its = p.withNames(million, number(3, 10_000), 1)
	case "W2":
		its = p.withNames(million, 1, 1)
	case "W3":
		its = p.withNames(million, number(3, 1_000), 1)
	case "W3x4":
		its = p.withNames(million, number(3, 1_000), 4)
	case "W4":
		its = p.efficiency(number(2, 200_000))
	case "W5":
		its = p.latency(number(2, 1_000), false)
	case "W6":
		its = p.latency(number(2, 1_000), true)
	case "W7":
		its = p.sleepers(million, number(3, 10))
	case "W8":
		its = p.idle(number(2, 10))
	case "W9":
		its = p.queued(million)
	default:
		fail("no such workload")
	}
	fmt.Printf("{%s, \"figure\": %.2f, \"unit\": %q%s}\n", about, its.value, its.unit, its.more)
}

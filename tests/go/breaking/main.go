// TS_INTERRUPT_BLOCKING inside a busy Go program: C tasks that block are stopped one after the
// other, while goroutines allocate, collect and sleep. Go has handlers of its own for every signal,
// and threads with little stack.
package main

/*
#define _GNU_SOURCE
#include <task_scheduling.h>

#include "blocking.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_int entered, gave;

static int32_t run_blocked(ts_token *token, void *user_data)
{
	const blocking_call *its = user_data;
	int how;
	entered = 1;
	do
		how = its->block();
	while (how == EINTR && !ts_should_stop(token));
	gave = how;
	return 0;
}

// Adds a task that blocks in the call of that number.
static ts_error add_blocked(ts_scheduler *scheduler, int call, ts_task_id *id)
{
	ts_task_options options = TS_TASK_OPTIONS_INIT;
	entered = gave = 0;
	options.name = "go";
	options.run = run_blocked;
	options.user_data = (void *)&blocking_calls[call];
	options.flags = TS_INTERRUPT_BLOCKING;
	return ts_submit(scheduler, &options, id);
}

static int has_entered(void) { return entered; }
static int what_it_gave(void) { return gave; }
static const char *name_of(int call) { return blocking_calls[call].name; }
static int how_many_calls(void) { return BLOCKING_CALLS; }
static ts_error wait_for(ts_scheduler *scheduler, ts_task_id id) { return ts_wait(scheduler, id, TS_FOREVER, NULL); }
*/
import "C"

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// So many tasks are stopped in each call, and none of these batches takes longer.
const (
	times = 2000
	hang  = 10 * time.Second
)

func fail(what string, arguments ...any) {
	fmt.Fprintf(os.Stderr, what+"\n", arguments...)
	os.Exit(1)
}

func must(result C.ts_error) {
	if result != C.TS_OK {
		fail("%s: %s", C.GoString(C.ts_error_name(result)), C.GoString(C.ts_last_error_message()))
	}
}

var (
	stop   atomic.Bool
	rounds [3]atomic.Int64
)

// Keeps the collector, the timers and the preemption of Go at work.
func beBusy() {
	go func() {
		var kept [64][]byte
		for at := 0; !stop.Load(); at++ {
			kept[at%len(kept)] = make([]byte, 16<<10)
			rounds[0].Add(1)
			runtime.Gosched()
		}
	}()
	go func() {
		for !stop.Load() {
			runtime.GC()
			rounds[1].Add(1)
			time.Sleep(time.Millisecond)
		}
	}()
	go func() {
		for range time.Tick(time.Millisecond) {
			rounds[2].Add(1)
		}
	}()
	go func() {
		// No call in it: it is preempted by a signal.
		sum := 0
		for !stop.Load() {
			for at := 0; at < 1<<20; at++ {
				sum += at
			}
			time.Sleep(5 * time.Millisecond)
		}
		_ = sum
	}()
}

func stopOne(scheduler *C.ts_scheduler, call C.int) {
	var id C.ts_task_id
	must(C.add_blocked(scheduler, call, &id))
	for C.has_entered() == 0 {
		runtime.Gosched()
	}
	must(C.ts_force_stop(scheduler, id))
	must(C.wait_for(scheduler, id))
	if gave := syscall.Errno(C.what_it_gave()); gave != syscall.EINTR {
		fail("%s gave %d", C.GoString(C.name_of(call)), gave)
	}
}

func main() {
	if C.make_what_blocks() != 0 {
		fail("there is nothing to block in")
	}
	var scheduler *C.ts_scheduler
	must(C.ts_scheduler_new(nil, &scheduler))
	// Go's own handler for the signal is there before ours.
	heard := make(chan os.Signal, 1)
	ours := syscall.Signal(50)
	signal.Notify(heard, ours)
	beBusy()
	for call := C.int(0); call < C.how_many_calls(); call++ {
		guard := time.AfterFunc(hang, func() { fail("stops of %s hang", C.GoString(C.name_of(call))) })
		for at := 0; at < times; at++ {
			stopOne(scheduler, call)
		}
		guard.Stop()
	}
	select {
	case <-heard:
		fail("Go heard a signal that was not for it")
	default:
	}
	// What is not ours is still Go's.
	if err := syscall.Kill(os.Getpid(), ours); err != nil {
		fail("%v", err)
	}
	select {
	case <-heard:
	case <-time.After(hang):
		fail("Go did not hear its signal")
	}
	stop.Store(true)
	for at := range rounds {
		if rounds[at].Load() == 0 {
			fail("Go was not busy")
		}
	}
	C.ts_scheduler_free(scheduler)
	fmt.Println("ok")
}

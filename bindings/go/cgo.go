//go:build cgo

package ts

/*
#cgo noescape tsgo_new
#cgo noescape tsgo_fd
#cgo noescape tsgo_add
#cgo noescape tsgo_add_with
#cgo noescape tsgo_end
#cgo noescape tsgo_take
#cgo noescape tsgo_lane_new
#cgo noescape tsgo_name
#cgo noescape tsgo_status
#cgo noescape tsgo_list
#cgo noescape tsgo_info
#cgo noescape tsgo_get
#cgo noescape tsgo_shutdown
#cgo noescape tsgo_log_take
#cgo nocallback tsgo_new
#cgo nocallback tsgo_free
#cgo nocallback tsgo_fd
#cgo nocallback tsgo_readable
#cgo nocallback tsgo_add
#cgo nocallback tsgo_add_with
#cgo nocallback tsgo_end
#cgo nocallback tsgo_take
#cgo nocallback tsgo_stop
#cgo nocallback tsgo_stopping
#cgo nocallback tsgo_now
#cgo nocallback tsgo_lane_new
#cgo nocallback tsgo_name
#cgo nocallback tsgo_status
#cgo nocallback tsgo_forget
#cgo nocallback tsgo_list
#cgo nocallback tsgo_info
#cgo nocallback tsgo_set
#cgo nocallback tsgo_get
#cgo nocallback tsgo_load
#cgo nocallback tsgo_shutdown
#cgo nocallback tsgo_log_take
#cgo nocallback tsgo_log_some
#cgo nocallback ts_lane_free

#cgo CFLAGS: -O2
#cgo ts_system pkg-config: task_scheduling
#cgo !ts_system,linux,amd64 LDFLAGS: ${SRCDIR}/internal/archive/libtask_scheduling_linux_amd64.a
#cgo !ts_system,linux,arm64 LDFLAGS: ${SRCDIR}/internal/archive/libtask_scheduling_linux_arm64.a
#cgo !ts_system LDFLAGS: -lpthread -ldl -lm

#include <stdlib.h>
#include "bridge.h"
*/
import "C"

import (
	"runtime"
	"time"
	"unsafe"

	// Here so that go mod vendor takes its folder along, with the archive.
	_ "task_scheduling/internal/archive"
)

// native is the library's scheduler. All that knows C is in this file; no function of the library
// keeps a pointer of Go's or calls Go code, which is what noescape and nocallback above promise.
type native struct{ its *C.tsgo_scheduler }

// keep keeps the scheduler from being freed while a call is inside it.
func (n *native) keep() { runtime.KeepAlive(n) }

// lane is the library's handle of a queue; nil for tasks without a name.
type lane = *C.ts_lane

// claim is the right, and duty, to run one task now. Without a token it is none.
//
// It is a tsgo_claim, which the library's calls write where it is to be.
type claim struct {
	token   uintptr
	key     uintptr
	id      ID
	since   int64 // it was handed out then or a little later, by the library's clock
	stopped int32 // not 0: only to be ended
}

// It has the size and the last place of a tsgo_claim, or these are negative.
const (
	_ = unsafe.Sizeof(claim{}) - C.sizeof_tsgo_claim
	_ = C.sizeof_tsgo_claim - unsafe.Sizeof(claim{})
	_ = unsafe.Offsetof(claim{}.stopped) - unsafe.Offsetof(C.tsgo_claim{}.stopped)
	_ = unsafe.Offsetof(C.tsgo_claim{}.stopped) - unsafe.Offsetof(claim{}.stopped)
)

func (c *claim) raw() *C.tsgo_claim { return (*C.tsgo_claim)(unsafe.Pointer(c)) }

func idOf(id C.ts_task_id) ID { return *(*ID)(unsafe.Pointer(&id)) }

func idFor(id ID) C.ts_task_id { return *(*C.ts_task_id)(unsafe.Pointer(&id)) }

func errorOf(code C.int32_t, message *C.char) error {
	if code == 0 {
		return nil
	}
	text := C.GoString(message)
	C.free(unsafe.Pointer(message))
	return &failure{int32(code), text}
}

func outcome(o C.tsgo_outcome) error { return errorOf(o.error, o.message) }

func bytesOf(text string) (*C.char, C.size_t) {
	return (*C.char)(unsafe.Pointer(unsafe.StringData(text))), C.size_t(len(text))
}

func truth(is bool) C.int32_t {
	if is {
		return 1
	}
	return 0
}

// newNative makes a scheduler. It is freed when nothing refers to it any more: no call can be inside
// it then, which nobody could promise at any earlier moment.
func newNative(config string, logs bool) (*native, error) {
	if err := checkText(config); err != nil {
		return nil, err
	}
	text := C.CString(config)
	defer C.free(unsafe.Pointer(text))
	var made *C.tsgo_scheduler
	if err := outcome(C.tsgo_new(text, truth(logs), &made)); err != nil {
		return nil, err
	}
	n := &native{made}
	runtime.AddCleanup(n, func(its *C.tsgo_scheduler) { C.tsgo_free(its) }, made)
	return n, nil
}

// fd is a descriptor of ours that is readable while take has something to do.
func (n *native) fd() (uintptr, error) {
	defer n.keep()
	var fd C.int
	err := outcome(C.tsgo_fd(n.its, &fd))
	return uintptr(fd), err
}

func readable(fd uintptr) bool { return C.tsgo_readable(C.int(fd)) != 0 }

// add adds a task: its id, and whether its claim was written, for it may start.
func (n *native) add(to lane, flags uint32, timeout time.Duration, key uintptr, its *claim) (ID, bool, error) {
	defer n.keep()
	var added C.tsgo_added
	if flags == 0 && to != nil {
		added = C.tsgo_add(n.its, to, C.uintptr_t(key), its.raw())
	} else {
		added = C.tsgo_add_with(n.its, to, C.uint32_t(flags), C.double(timeout.Seconds()), C.uintptr_t(key), its.raw())
	}
	if added.error != 0 {
		return ID{}, false, errorOf(added.error, added.message)
	}
	return idOf(added.id), added.is_out != 0, nil
}

// end gives a claim back: as told to stop, if it was; else failed with these words, if there are any.
// It gives the state in which the task ended, and the next claim, if there is one.
func (n *native) end(c *claim, words string, stopped bool, next *claim) State {
	defer n.keep()
	var code C.int32_t
	var text *C.char
	var length C.size_t
	if words != "" {
		code = 1
		text, length = bytesOf(words)
	}
	return State(C.tsgo_end(n.its, c.raw(), code, text, length, truth(stopped), next.raw()))
}

// take gives claims that became runnable otherwise, or are only to be ended: how many.
func (n *native) take(into *[16]claim) int {
	defer n.keep()
	return int(C.tsgo_take(n.its, into[0].raw(), C.size_t(len(into))))
}

func (n *native) stop(id ID) int32 {
	defer n.keep()
	return int32(C.tsgo_stop(n.its, idFor(id)))
}

func (n *native) stopping(id ID) State {
	defer n.keep()
	return State(C.tsgo_stopping(n.its, idFor(id)))
}

// clock is the library's: nanoseconds.
func clock() int64 { return int64(C.tsgo_now()) }

func (n *native) newLane(name string, width, capacity int) (lane, error) {
	defer n.keep()
	var made lane
	text, length := bytesOf(name)
	err := outcome(C.tsgo_lane_new(n.its, text, length, C.size_t(width), C.size_t(capacity), &made))
	return made, err
}

func freeLane(its lane) { C.ts_lane_free(its) }

func (n *native) ban(name string) error { return n.name(C.TSGO_BAN, name, nil) }

func (n *native) allow(name string) error { return n.name(C.TSGO_ALLOW, name, nil) }

func (n *native) cancelQueued(name string) (int, error) {
	var count C.size_t
	err := n.name(C.TSGO_CANCEL_QUEUED, name, &count)
	return int(count), err
}

func (n *native) name(what C.int32_t, name string, count *C.size_t) error {
	defer n.keep()
	text, length := bytesOf(name)
	return outcome(C.tsgo_name(n.its, what, text, length, count))
}

func statusOf(s *C.ts_task_status) Status {
	at := func(seconds C.double) time.Time {
		if seconds == 0 {
			return time.Time{}
		}
		return time.UnixMicro(int64(float64(seconds) * 1e6))
	}
	return Status{
		ID: idOf(s.id), Name: C.GoString(&s.task_name[0]), State: State(s.state), Stopping: State(s.stopping),
		Stuck: s.flags&C.TS_STATUS_STUCK != 0, Error: C.GoString(&s.error[0]),
		Added: at(s.added_at), Started: at(s.started_at), Ended: at(s.ended_at),
	}
}

func (n *native) status(id ID) (Status, error) {
	defer n.keep()
	var status C.ts_task_status
	if err := outcome(C.tsgo_status(n.its, idFor(id), &status)); err != nil {
		return Status{}, err
	}
	return statusOf(&status), nil
}

func (n *native) forget(id ID) error {
	defer n.keep()
	return outcome(C.tsgo_forget(n.its, idFor(id)))
}

// list gives the tasks that are known. Others may be added between the count and the list.
func (n *native) list() []Status {
	defer n.keep()
	var count C.size_t
	var known []C.ts_task_status
	for {
		var place *C.ts_task_status
		if len(known) > 0 {
			place = &known[0]
		}
		if outcome(C.tsgo_list(n.its, place, C.size_t(len(known)), &count)) != nil {
			return nil
		}
		if int(count) <= len(known) {
			break
		}
		known = make([]C.ts_task_status, int(count)+int(count)/8+8)
	}
	all := make([]Status, count)
	for at := range all {
		all[at] = statusOf(&known[at])
	}
	return all
}

func takeString(text *C.char) string {
	defer C.ts_string_free(text)
	return C.GoString(text)
}

func (n *native) info(ids bool) (string, error) {
	defer n.keep()
	var text *C.char
	if err := outcome(C.tsgo_info(n.its, truth(ids), &text)); err != nil {
		return "", err
	}
	return takeString(text), nil
}

func (n *native) set(key, value string) error {
	defer n.keep()
	if err := checkText(key, value); err != nil {
		return err
	}
	k, v := C.CString(key), C.CString(value)
	defer C.free(unsafe.Pointer(k))
	defer C.free(unsafe.Pointer(v))
	return outcome(C.tsgo_set(n.its, k, v))
}

func (n *native) get(key string) (string, error) {
	defer n.keep()
	if err := checkText(key); err != nil {
		return "", err
	}
	k := C.CString(key)
	defer C.free(unsafe.Pointer(k))
	var value *C.char
	if err := outcome(C.tsgo_get(n.its, k, &value)); err != nil {
		return "", err
	}
	return takeString(value), nil
}

func (n *native) load(path string) error {
	defer n.keep()
	if err := checkText(path); err != nil {
		return err
	}
	p := C.CString(path)
	defer C.free(unsafe.Pointer(p))
	return outcome(C.tsgo_load(n.its, p))
}

// shutdown begins a shutdown, or looks how far it is.
func (n *native) shutdown() (ended bool, err error) {
	defer n.keep()
	var running C.size_t
	err = outcome(C.tsgo_shutdown(n.its, &running))
	if its, ok := err.(*failure); ok && its.code == codeTimedOut {
		return false, nil
	}
	return err == nil, err
}

// logLine is the oldest line of the log, if there is one.
func (n *native) logLine() (level int, text string, ok bool) {
	defer n.keep()
	if C.tsgo_log_some(n.its) == 0 {
		return 0, "", false
	}
	var its C.int32_t
	line := C.tsgo_log_take(n.its, &its)
	if line == nil {
		return 0, "", false
	}
	defer C.free(unsafe.Pointer(line))
	return int(its), C.GoString(line), true
}

// LibraryVersion is the version of the library that the program runs with, such as "0.1.0".
func LibraryVersion() string { return C.GoString(C.ts_version()) }

//go:build cgo

package ts

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestTheHeaderIsTheLibrarys(t *testing.T) {
	its, err := os.ReadFile("task_scheduling.h")
	must(t, err)
	librarys, err := os.ReadFile("../../include/task_scheduling.h")
	if os.IsNotExist(err) {
		t.Skip("this is the module alone")
	}
	must(t, err)
	if !bytes.Equal(its, librarys) {
		t.Fatal("cp include/task_scheduling.h bindings/go/")
	}
}

func TestEveryErrorOfTheLibraryHasItsPlace(t *testing.T) {
	header, err := os.ReadFile("task_scheduling.h")
	must(t, err)
	known := map[int]string{}
	for _, its := range []error{
		ErrInvalidArgument, ErrNotFound, ErrBanned, ErrAlreadyBanned, ErrNotBanned, ErrQueueFull, ErrClosed, ErrNotFinished,
		ErrFinished, ErrAlreadyStopping, ErrWouldDeadlock, ErrConfig, ErrOutOfMemory, ErrSystem, ErrForked, ErrInternal, ErrInUse,
	} {
		known[int(its.(*failure).code)] = its.Error()
	}
	// What nobody meets here: results, waits and kinds are Go's.
	elsewhere := map[string]bool{"NO_RESULT": true, "TIMED_OUT": true, "WRONG_KIND": true, "WRONG_THREAD": true}
	found := regexp.MustCompile(`TS_ERROR_(\w+) = (\d+),`).FindAllStringSubmatch(string(header), -1)
	for _, match := range found {
		code, _ := strconv.Atoi(match[2])
		if _, ok := known[code]; ok == elsewhere[match[1]] {
			t.Error(match[1])
		}
		delete(known, code)
	}
	if len(found) < 21 || len(known) != 0 {
		t.Fatal(len(found), known)
	}
	for name, value := range map[string]int{
		"TS_PENDING": int(Pending), "TS_RUNNING": int(Running), "TS_COMPLETED": int(Completed), "TS_FAILED": int(Failed),
		"TS_TIMEOUT": int(TimedOut), "TS_CANCELLED": int(Cancelled),
	} {
		if !strings.Contains(string(header), "    "+name+" = "+strconv.Itoa(value)+",") {
			t.Error(name)
		}
	}
	for name, value := range map[string]int{
		"TS_TIMEOUT_PROCESSING": flagTimeout, "TS_BAN_ON_FAILURE": flagBan, "TS_KEEP": flagKeep, "TS_RELEASE_LANE_WHEN_STUCK": flagRelease,
	} {
		if !strings.Contains(string(header), "#define "+name+" "+strconv.Itoa(value)+"\n") {
			t.Error(name)
		}
	}
	if version := LibraryVersion(); !strings.Contains(string(header), `#define TS_VERSION "`+version+`"`) {
		t.Error(version)
	}
}

// All that knows C is in one file, and nothing of C is in what the package shows.
func TestOneFileKnowsC(t *testing.T) {
	entries, err := os.ReadDir(".")
	must(t, err)
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") || entry.Name() == "cgo.go" {
			continue
		}
		text, err := os.ReadFile(entry.Name())
		must(t, err)
		if regexp.MustCompile(`import "C"|#cgo|\bC\.`).Match(text) {
			t.Error(entry.Name())
		}
	}
}

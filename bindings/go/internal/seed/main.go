// Command seed is the examples of the README of the Python package task_scheduling, in Go: what
// tests/cpp/seed.py prints of them with that package, this prints too. There are tasks of two kinds
// there; here all are goroutines, and in the place of an async name stands a queue of a second
// scheduler with the limit that such a name has.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	ts "task_scheduling"
)

const inputInfo = "test"

// side is what the examples have two of.
type side struct {
	*ts.Scheduler
	kind    string
	limit   int
	printed atomic.Int32
	said    lines
}

type lines struct {
	slog.Handler
	mutex sync.Mutex
	all   []string
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }

func (l *lines) Handle(_ context.Context, record slog.Record) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.all = append(l.all, record.Message)
	return nil
}

func (l *lines) has(text string) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return slices.Contains(l.all, text)
}

var linear, asyncio *side

func (s *side) queue(name string) *ts.Queue {
	return s.Queue(name, ts.Limit(s.limit), ts.Timeout(0)) // timeout_processing=True
}

// add is add_task with line_task or asyncio_task.
func (s *side) add(name string) (*ts.Task[string], error) {
	return ts.Submit(context.Background(), s.queue(name), func(ctx context.Context) (string, error) {
		for info := inputInfo; ; {
			if err := ts.Sleep(ctx, 10*time.Millisecond); err != nil {
				return "", err
			}
			if info == "test" {
				s.printed.Add(1)
			}
		}
	})
}

func (s *side) addWithResult(name string) *ts.Task[string] {
	return must(ts.Submit(context.Background(), s.queue(name), func(ctx context.Context) (string, error) {
		return inputInfo, ts.Sleep(ctx, 50*time.Millisecond)
	}))
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func until(condition func() bool) {
	for !condition() {
		time.Sleep(time.Millisecond)
	}
}

func untilBothPrinted() {
	until(func() bool { return linear.printed.Load() > 0 && asyncio.printed.Load() > 0 })
}

func say(what string, value any) {
	if yes, ok := value.(bool); ok {
		value = "no"
		if yes {
			value = "yes"
		}
	}
	fmt.Printf("  %s: %v\n", what, value)
}

func (s *side) says(sentence string) { say("said '"+sentence+"'", s.said.has(sentence)) }

var masks = [][2]any{{regexp.MustCompile(`ID: [0-9a-f-]{36}`), "ID: #"}, {regexp.MustCompile(`Time: [0-9]+\.[0-9]{2} `), "Time: 0.00 "}}

func (s *side) info() (all []string) {
	for line := range strings.Lines(s.Info(true)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		for _, mask := range masks {
			line = mask[0].(*regexp.Regexp).ReplaceAllString(line, mask[1].(string))
		}
		all = append(all, line)
	}
	return all
}

func addTask() {
	one, two := must(linear.add("task1")), must(asyncio.add("task2"))
	untilBothPrinted()
	say("ids", fmt.Sprintf("%d and %d characters", len(one.ID().String()), len(two.ID().String())))
	say("ids differ", one.ID() != two.ID())
	say("both printed test", true)
}

func (s *side) adds(name string) bool {
	_, err := s.add(name)
	if err != nil && !errors.Is(err, ts.ErrBanned) {
		log.Fatal(err)
	}
	return err == nil
}

func banTaskName() {
	must(linear.add("task1"))
	check(linear.Ban("task1"))
	say("task1 added again", linear.adds("task1"))
	must(asyncio.add("task2"))
	check(asyncio.Ban("task2"))
	say("task2 added again", asyncio.adds("task2"))
	linear.says("Io linear task | task1 | is banned from execution")
}

func allowTaskName() {
	check(linear.Ban("task1"))
	say("task1 added", linear.adds("task1"))
	check(linear.Allow("task1"))
	say("task1 added again", linear.adds("task1"))
	check(asyncio.Ban("task2"))
	say("task2 added", asyncio.adds("task2"))
	check(asyncio.Allow("task2"))
	say("task2 added again", asyncio.adds("task2"))
	untilBothPrinted()
	linear.says("Io linear task | task1 | is allowed for execution")
	asyncio.says("Io linear task | task2 | is allowed for execution")
}

func cancelAllQueuedTasksByName() {
	must(linear.add("task1"))
	until(func() bool { return linear.printed.Load() > 0 })
	must(linear.add("task1"))
	must(asyncio.add("task2"))
	must(asyncio.add("task2"))
	must(linear.CancelQueued("task1"))
	must(asyncio.CancelQueued("task2"))
	say("linear", linear.info()[0])
	say("asyncio", asyncio.info()[0])
	linear.says("Io linear task | task1 | is waiting to be executed in the queue, has been deleted")
}

func forceStopTask() {
	one, two := must(linear.add("task1")), must(asyncio.add("task1"))
	untilBothPrinted()
	say("linear stopped", one.Cancel() == nil)
	say("asyncio stopped", two.Cancel() == nil)
	for _, task := range []*ts.Task[string]{one, two} {
		if _, err := task.Wait(context.Background()); !errors.Is(err, ts.ErrCanceled) {
			log.Fatal(err)
		}
	}
	say("none runs", strings.Contains(linear.info()[0], "Running tasks count: 0") && strings.Contains(asyncio.info()[0], "Running tasks count: 0"))
}

func getTaskResult() {
	for _, task := range []*ts.Task[string]{linear.addWithResult("sleep"), asyncio.addWithResult("sleep")} {
		say("Task result", must(task.Wait(context.Background())))
	}
}

func getAllQueueInfo() {
	must(linear.add("task1"))
	must(asyncio.add("task1"))
	untilBothPrinted()
	for _, s := range []*side{linear, asyncio} {
		for _, line := range s.info() {
			say(s.kind, line)
		}
	}
}

func getTaskStatus() {
	tasks := []*ts.Task[string]{must(linear.add("task1")), must(asyncio.add("task1"))}
	untilBothPrinted()
	for _, task := range tasks {
		status := task.Status()
		say("task_name", status.Name)
		say("status", status.State)
		say("started just now", time.Since(status.Started).Abs() < 10*time.Minute)
	}
}

func shutdown() {
	check(linear.Close())
	linear.says("All scheduler has been shut down.")
}

func interruptibleSleep() {
	begin := time.Now()
	check(ts.Sleep(context.Background(), 50*time.Millisecond))
	say("slept as long", time.Since(begin) >= 50*time.Millisecond)
}

func updateConfig() {
	say("line_task_max", must(linear.Get("line_task_max")))
	check(linear.Set("line_task_max", 18))
	say("line_task_max", must(linear.Get("line_task_max")))
}

func run(name string, example func()) {
	linear, asyncio = &side{kind: "line", limit: 1}, &side{kind: "asyncio", limit: 3}
	for _, s := range []*side{linear, asyncio} {
		s.Scheduler = must(ts.New(ts.WithLogger(slog.New(&s.said))))
	}
	fmt.Println(name)
	example()
	check(linear.Close())
	check(asyncio.Close())
}

func main() {
	time.AfterFunc(2*time.Minute, func() {
		fmt.Fprintln(os.Stderr, "the example hangs")
		os.Exit(1)
	})
	run("add_task", addTask)
	run("ban_task_name", banTaskName)
	run("allow_task_name", allowTaskName)
	run("cancel_all_queued_tasks_by_name", cancelAllQueuedTasksByName)
	run("force_stop_task", forceStopTask)
	run("get_task_result", getTaskResult)
	run("get_all_queue_info", getAllQueueInfo)
	run("get_task_status", getTaskStatus)
	run("shutdown", shutdown)
	run("interruptible_sleep", interruptibleSleep)
	run("update_config", updateConfig)
}

// Command tour is the README of the Python package task_scheduling, function by function.
//
//	make
//	cd examples/tour && go run .
//
// It prints what ../tour.c prints, which says where the package does something else. The package has
// two kinds of tasks; in Go there is one, which goroutines run. So in the place of the asyncio side
// stands a second scheduler, where a name may run as many tasks at once as an asyncio name may, and
// where the library says "linear" and "line", the tour says "asyncio".
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	ts "task_scheduling"
)

const inputInfo = "test"

var noPaper = errors.New("no paper")

func failing(context.Context) (string, error) { return "", noPaper }

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

func (s *side) says(sentence string) {
	said := strings.Replace(sentence, "asyncio", "linear", 1)
	say("said '"+sentence+"'", s.said.has(said))
}

var masks = [][2]any{{regexp.MustCompile(`ID: [0-9a-f-]{36}`), "ID: #"}, {regexp.MustCompile(`Time: [0-9]+\.[0-9]{2} `), "Time: 0.00 "}}

func (s *side) info() (all []string) {
	for line := range strings.Lines(s.Info(true)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		for _, mask := range masks {
			line = mask[0].(*regexp.Regexp).ReplaceAllString(line, mask[1].(string))
		}
		if s == asyncio {
			line = strings.Replace(line, "line queue", "asyncio queue", 1)
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
	order, queue := "", linear.queue("task3")
	for _, number := range []string{" 1", " 2"} {
		check(queue.Go(func(context.Context) error {
			order += number
			return nil
		}))
	}
	last := must(ts.Submit(context.Background(), queue, func(context.Context) (string, error) { return order + " 3", nil }))
	fmt.Printf("  + three of a name ran in the order:%s\n", must(last.Wait(context.Background())))
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
	failed := must(ts.Submit(context.Background(), linear.queue("task3"), failing, ts.BanOnFailure()))
	if _, err := failed.Wait(context.Background()); !errors.Is(err, noPaper) {
		log.Fatal(err)
	}
	say("+ added again after a failure that bans", linear.adds("task3"))
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
	asyncio.says("Io asyncio task | task2 | is allowed for execution")
}

func cancelAllQueuedTasksByName() {
	first := must(linear.add("task1"))
	must(linear.add("task1"))
	for _, task := range []*ts.Task[string]{first, must(asyncio.add("task2")), must(asyncio.add("task2"))} {
		until(func() bool { return task.Status().State == ts.Running })
	}
	cancelled := must(linear.CancelQueued("task1"))
	must(asyncio.CancelQueued("task2"))
	say("linear", linear.info()[0])
	say("asyncio", asyncio.info()[0])
	linear.says("Io linear task | task1 | is waiting to be executed in the queue, has been deleted")
	say("+ so many were cancelled", cancelled)
}

func forceStopTask() {
	one, two := must(linear.add("task1")), must(asyncio.add("task1"))
	untilBothPrinted()
	waiting := must(linear.add("task1"))
	stopped := waiting.Cancel() == nil
	say("linear stopped", one.Cancel() == nil)
	say("asyncio stopped", two.Cancel() == nil)
	for _, task := range []*ts.Task[string]{one, two} {
		if _, err := task.Wait(context.Background()); !errors.Is(err, ts.ErrCanceled) {
			log.Fatal(err)
		}
	}
	say("none runs", true)
	fmt.Printf("  + they are known as: %v and %v\n", one.Status().State, two.Status().State)
	say("+ one that waited stopped", stopped && waiting.Status().State == ts.Cancelled)
}

func getTaskResult() {
	tasks := []*ts.Task[string]{linear.addWithResult("sleep"), asyncio.addWithResult("sleep")}
	endless := must(linear.add("task1"))
	for _, task := range tasks {
		say("Task result", must(task.Wait(context.Background())))
	}
	_, err := endless.Result()
	say("+ not finished", errors.Is(err, ts.ErrNotFinished))
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
	failed := must(ts.Submit(context.Background(), linear.queue("task2"), failing))
	<-failed.Done()
	fmt.Printf("  + one that failed: %v, %s\n", failed.Status().State, failed.Status().Error)
}

func shutdown() {
	check(linear.Close())
	linear.says("All scheduler has been shut down.")
	// A scheduler that was closed stays closed here: the next shutdown is another one's.
	linear = newSide("line", 1)
	one, two := linear.addWithResult("sleep"), asyncio.addWithResult("sleep")
	until(func() bool { return one.Status().State != ts.Pending && two.Status().State != ts.Pending })
	check(linear.Shutdown(context.Background()))
	check(asyncio.Shutdown(context.Background()))
	say("one that ran was waited for", one.Status().State)
	say("+ so was an asyncio one", two.Status().State)
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
	say("+ an unknown key is refused", errors.Is(linear.Set("line_task_min", 1), ts.ErrConfig))
}

func newSide(kind string, limit int) *side {
	s := &side{kind: kind, limit: limit}
	s.Scheduler = must(ts.New(ts.WithLogger(slog.New(&s.said))))
	return s
}

func run(name string, example func()) {
	linear, asyncio = newSide("line", 1), newSide("asyncio", 3)
	fmt.Println(name)
	example()
	check(linear.Close())
	check(asyncio.Close())
}

func main() {
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

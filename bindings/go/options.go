//go:build cgo

package ts

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Option is an option of [New].
type Option func(*settings)

type settings struct {
	logger *slog.Logger
	keys   []setting
	files  []string
	yaml   string
}

type setting struct {
	key   string
	value any
}

// WithLogger has the scheduler say to the logger what happens to its tasks. Without it the scheduler
// is silent.
//
// In the library the log belongs to the whole process: a program that also uses it through another
// language, and through the same shared library, has one of the two logs.
func WithLogger(logger *slog.Logger) Option { return func(s *settings) { s.logger = logger } }

// WithSetting starts with another value of a key: see [Scheduler.Set].
func WithSetting(key string, value any) Option {
	return func(s *settings) { s.keys = append(s.keys, setting{key, value}) }
}

// WithConfig starts with the keys that a text in YAML sets, such as "line_task_max: 4".
func WithConfig(yaml string) Option { return func(s *settings) { s.yaml = yaml } }

// WithConfigFile starts with the keys that a YAML file sets.
func WithConfigFile(path string) Option {
	return func(s *settings) { s.files = append(s.files, path) }
}

// textOf writes a value as the configuration has it: durations are in seconds.
func textOf(value any) string {
	if its, ok := value.(time.Duration); ok {
		return fmt.Sprint(its.Seconds())
	}
	return fmt.Sprint(value)
}

// QueueOption is an option of [Scheduler.Queue]. Every [TaskOption] is one too, for all tasks of the
// queue.
type QueueOption interface{ applyQueue(*queueOptions) }

// TaskOption is an option of one task.
type TaskOption interface {
	QueueOption
	applyTask(*taskOptions)
}

type queueOptions struct {
	limit, capacity int
	tasks           taskOptions
}

type taskOptions struct {
	flags   uint32
	timeout time.Duration
	timed   bool
	general bool // by watch_dog_time, which is its timeout from the start on
	room    bool
}

type queueOption func(*queueOptions)

func (o queueOption) applyQueue(q *queueOptions) { o(q) }

type taskOption func(*taskOptions)

func (o taskOption) applyQueue(q *queueOptions) { o(&q.tasks) }

func (o taskOption) applyTask(t *taskOptions) { o(t) }

// Limit is how many tasks of the queue may run at once; without it that is one.
func Limit(count int) QueueOption { return queueOption(func(q *queueOptions) { q.limit = count }) }

// Capacity is how many tasks of the queue may be pending. The limit of the scheduler for all queues
// together holds too.
func Capacity(count int) QueueOption {
	return queueOption(func(q *queueOptions) { q.capacity = count })
}

// The flags that the library has.
const (
	flagTimeout     = 1
	flagBan         = 2
	flagKeep        = 4
	flagRelease     = 32
	longestDuration = 1e9 * time.Second
)

var errTimeout error = &failure{3, "a time-out is 0 to 1e9 seconds"}

func (o *taskOptions) isTimeValid() bool { return o.timeout >= 0 && o.timeout <= longestDuration }

// Timeout tells a task to stop that has run for so long. 0 takes watch_dog_time of the configuration.
func Timeout(d time.Duration) TaskOption {
	return taskOption(func(t *taskOptions) {
		t.timed, t.general, t.timeout = true, d == 0, d
		t.flags |= flagTimeout
	})
}

// BanOnFailure bans the name of the queue when the task fails, before the next one starts.
func BanOnFailure() TaskOption { return taskOption(func(t *taskOptions) { t.flags |= flagBan }) }

// Keep keeps the task's record until [Scheduler.Forget].
func Keep() TaskOption { return taskOption(func(t *taskOptions) { t.flags |= flagKeep }) }

// ReleaseWhenStuck lets the next task of the queue start beside this one, when this one still runs
// stuck_grace seconds after it was told to stop.
func ReleaseWhenStuck() TaskOption {
	// The library looks after it as after a time-out.
	return taskOption(func(t *taskOptions) { t.flags |= flagRelease })
}

// WaitForRoom has an add wait while too many tasks are pending, until there is room or its context
// ends, in place of ErrQueueFull. Inside a task of the same scheduler, whose context the add was given,
// it gives ErrWouldDeadlock.
func WaitForRoom() TaskOption { return taskOption(func(t *taskOptions) { t.room = true }) }

// checkText refuses what C would see the end of too early.
func checkText(texts ...string) error {
	for _, text := range texts {
		if strings.IndexByte(text, 0) >= 0 {
			return &failure{3, "a text has a byte that is 0"}
		}
	}
	return nil
}

func checkName(name string) error {
	if len(name) == 0 || len(name) > 255 || strings.IndexByte(name, 0) >= 0 {
		return &failure{3, "a name has 1 to 255 bytes, none of which is 0"}
	}
	return nil
}

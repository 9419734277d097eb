//go:build cgo

package ts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestWaitGivesWhatTheFunctionReturned(t *testing.T) {
	s := start(t)
	sum := submit(t, s.Queue("sums"), func(context.Context) (int, error) { return 42, nil })
	if value, err := sum.Wait(context.Background()); value != 42 || err != nil {
		t.Fatal(value, err)
	}
	if value, err := sum.Result(); value != 42 || err != nil {
		t.Fatal(value, err)
	}
	if state := sum.Status().State; state != Completed {
		t.Fatal(state)
	}
	broken := errors.New("broken")
	failed := submit(t, s.Queue("sums"), func(context.Context) (int, error) { return 1, broken })
	if value, err := failed.Wait(context.Background()); value != 0 || err != broken {
		t.Fatal(value, err)
	}
	if status := failed.Status(); status.State != Failed || status.Error != "broken" {
		t.Fatal(status)
	}
}

func TestTasksOfAQueueRunInOrderOneAtATime(t *testing.T) {
	s := start(t, WithSetting("maximum_queue_line", 0))
	q := s.Queue("one")
	var order []int
	var running atomic.Int32
	const count = 5000
	var last *Task[int]
	for at := range count {
		last = submit(t, q, func(context.Context) (int, error) {
			if running.Add(1) != 1 {
				t.Error("two at once")
			}
			order = append(order, at)
			running.Add(-1)
			return at, nil
		})
	}
	must(t, ended(t, last))
	if !slices.IsSorted(order) || len(order) != count {
		t.Fatal("not in order")
	}
}

func TestALimitedQueueRunsSoManyAtOnce(t *testing.T) {
	s := start(t)
	q := s.Queue("four", Limit(4))
	var plugs []*plug
	for range 6 {
		plugs = append(plugs, plugIn(t, q))
	}
	for at := range 4 {
		<-plugs[at].started
	}
	for _, p := range plugs[4:] {
		if state := p.Status().State; state != Pending {
			t.Fatal(state)
		}
	}
	plugs[2].pull()
	<-plugs[4].started
	if state := plugs[5].Status().State; state != Pending {
		t.Fatal(state)
	}
	for at, p := range plugs {
		if at != 2 {
			p.pull()
		}
	}
}

func TestNoMoreTasksRunThanLineTaskMax(t *testing.T) {
	s := start(t, WithSetting("line_task_max", 3), WithSetting("maximum_queue_line", 0))
	var running, most atomic.Int32
	var all sync.WaitGroup
	for at := range 3000 {
		all.Add(1)
		must(t, s.Queue(fmt.Sprint(at%100)).Go(func(context.Context) error {
			defer all.Done()
			now := running.Add(1)
			for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
			}
			runtime.Gosched()
			running.Add(-1)
			return nil
		}))
	}
	all.Wait()
	if most.Load() > 3 {
		t.Fatal(most.Load())
	}
}

func TestRaisingLineTaskMaxStartsWhatWaits(t *testing.T) {
	s := start(t, WithSetting("line_task_max", 1))
	one, two := plugIn(t, s.Queue("one")), plugIn(t, s.Queue("two"))
	<-one.started
	must(t, s.Set("line_task_max", 2))
	<-two.started
	one.pull()
	two.pull()
}

func TestTasksWithoutANameQueueBehindNoOther(t *testing.T) {
	s := start(t)
	one, two := plugIn(t, s.Queue("")), plugIn(t, s.Queue(""))
	<-one.started
	<-two.started
	one.pull()
	two.pull()
	if name := one.Status().Name; name != "" {
		t.Fatal(name)
	}
}

func TestAPanicFailsItsTaskOnly(t *testing.T) {
	s := start(t)
	q := s.Queue("panics")
	broken := errors.New("broken")
	for _, value := range []any{"words", broken, nil} {
		panics := submit(t, q, func(context.Context) (int, error) { panicsHere(value); return 0, nil })
		after := submit(t, q, func(context.Context) (int, error) { return 1, nil })
		var its *PanicError
		if err := ended(t, panics); !errors.As(err, &its) || value != nil && its.Value != value {
			t.Fatal(err)
		}
		if !bytes.Contains(its.Stack, []byte("panicsHere")) {
			t.Fatalf("%s", its.Stack)
		}
		if errors.Is(its, broken) != (value == broken) {
			t.Fatal(value)
		}
		must(t, ended(t, after))
		if state := panics.Status().State; state != Failed {
			t.Fatal(state)
		}
	}
}

//go:noinline
func panicsHere(value any) { panic(value) }

type wordless struct{ panics bool }

func (w wordless) Error() string {
	if w.panics {
		panic("no words")
	}
	return ""
}

func TestAnErrorMayHaveNoWords(t *testing.T) {
	s := start(t)
	for _, its := range []wordless{{false}, {true}} {
		task := submit(t, s.Queue("q"), func(context.Context) (int, error) { return 1, its })
		if _, err := task.Wait(context.Background()); err != error(its) {
			t.Fatal("another error")
		}
		status, err := s.Status(task.ID())
		if err != nil || status.State != Failed || status.Error == "" {
			t.Fatalf("%+v %v", status, err)
		}
	}
	var none *wordless // whose method panics
	task := submit(t, s.Queue("q"), func(context.Context) (int, error) { return 1, none })
	if ended(t, task); task.Status().State != Failed {
		t.Fatal(task.Status().State)
	}
}

func TestGoexitFailsItsTaskOnly(t *testing.T) {
	s := start(t)
	q := s.Queue("exits")
	exits := submit(t, q, func(context.Context) (int, error) { runtime.Goexit(); return 0, nil })
	after := submit(t, q, func(context.Context) (int, error) { return 1, nil })
	if err := ended(t, exits); err != ErrGoexit {
		t.Fatal(err)
	}
	must(t, ended(t, after))
}

func TestATaskMayAddTasks(t *testing.T) {
	s := start(t)
	q := s.Queue("adds")
	outer := submit(t, q, func(ctx context.Context) (*Task[int], error) {
		return Submit(context.Background(), q, func(context.Context) (int, error) { return 5, nil })
	})
	inner, err := outer.Wait(context.Background())
	must(t, err)
	if value, err := inner.Wait(context.Background()); value != 5 || err != nil {
		t.Fatal(value, err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	s := start(t)
	p := plugIn(t, s.Queue("plug"))
	<-p.started
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("why")
	cancel(why)
	if _, err := p.Wait(ctx); err != why {
		t.Fatal(err)
	}
	if _, err := p.Result(); !errors.Is(err, ErrNotFinished) {
		t.Fatal(err)
	}
	p.pull()
	<-p.Done()
	if _, err := p.Wait(ctx); err != nil {
		t.Fatal("what has ended is told whatever the context:", err)
	}
}

func TestAStatusTellsTheWayOfATask(t *testing.T) {
	s := start(t)
	before := time.Now().Add(-time.Minute)
	p, second := plugIn(t, s.Queue("way")), plugIn(t, s.Queue("way"))
	ctx := <-p.started
	if id, ok := TaskID(ctx); !ok || id != p.ID() {
		t.Fatal(id, ok)
	}
	if _, ok := TaskID(context.Background()); ok {
		t.Fatal("a context of no task")
	}
	status := p.Status()
	if status.ID != p.ID() || status.Name != "way" || status.State != Running || status.Added.Before(before) ||
		status.Started.Before(status.Added) || !status.Ended.IsZero() {
		t.Fatalf("%+v", status)
	}
	if status := second.Status(); status.State != Pending || !status.Started.IsZero() {
		t.Fatalf("%+v", status)
	}
	var names []string
	for status := range s.Tasks() {
		names = append(names, status.Name+" "+status.State.String())
	}
	if !slices.Equal(names, []string{"way running", "way pending"}) {
		t.Fatal(names)
	}
	p.pull()
	second.pull()
	must(t, ended(t, second.Task))
	status, err := s.Status(p.ID())
	if err != nil || status.State != Completed || !status.State.Final() || status.Ended.Before(status.Started) {
		t.Fatalf("%+v %v", status, err)
	}
}

func TestAHandleOutlivesItsRecord(t *testing.T) {
	s := start(t, WithSetting("maximum_task_info_storage", 0))
	kept := submit(t, s.Queue("kept"), func(context.Context) (int, error) { return 1, nil }, Keep())
	lost := submit(t, s.Queue("lost"), func(context.Context) (int, error) { return 2, errors.New("broken") })
	must(t, ended(t, kept))
	ended(t, lost)
	if _, err := s.Status(kept.ID()); err != nil {
		t.Fatal(err)
	}
	must(t, s.Forget(kept.ID()))
	for _, id := range []ID{kept.ID(), lost.ID(), {1}} {
		if _, err := s.Status(id); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
	}
	if value, err := kept.Result(); value != 1 || err != nil {
		t.Fatal(value, err)
	}
	if status := lost.Status(); status.State != Failed || status.Error != "broken" || status.Name != "lost" {
		t.Fatalf("%+v", status)
	}
}

func TestIDsAreTextToo(t *testing.T) {
	s := start(t)
	id := submit(t, s.Queue("id"), func(context.Context) (int, error) { return 1, nil }).ID()
	text, err := json.Marshal(map[ID]ID{id: id})
	must(t, err)
	var back map[ID]ID
	must(t, json.Unmarshal(text, &back))
	if back[id] != id || len(id.String()) != 36 {
		t.Fatalf("%s", text)
	}
	for _, wrong := range []string{"", "x", id.String() + "0", "zz" + id.String()[2:], "cf478b6e_5e02-89b8-9031-4adc6ff915c2"} {
		if _, err := ParseID(wrong); !errors.Is(err, ErrInvalidArgument) {
			t.Fatal(wrong, err)
		}
	}
}

func TestATaskEndsWhateverTheWordsOfItsError(t *testing.T) {
	s := start(t)
	for words, known := range map[string]string{
		"\xff\xfe":                         "?",
		"a\x00b":                           "a?b",
		strings.Repeat("a", 254) + "é":     strings.Repeat("a", 254),
		strings.Repeat("a", 253) + "é":     strings.Repeat("a", 253) + "é",
		strings.Repeat("é", 1000):          strings.Repeat("é", 127),
		strings.Repeat("\xff", 300) + "aé": "?",
	} {
		bad := errors.New(words)
		failed := submit(t, s.Queue("q"), func(context.Context) (int, error) { return 0, bad })
		if err := ended(t, failed); err != bad {
			t.Fatal(err)
		}
		if status := failed.Status(); status.State != Failed || status.Error != known {
			t.Fatalf("%q: %v %q", words, status.State, status.Error)
		}
	}
}

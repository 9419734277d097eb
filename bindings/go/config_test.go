//go:build cgo

package ts

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestSettingsAreReadAndWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	must(t, os.WriteFile(file, []byte("max_idle_time: 7\n"), 0o600))
	s := start(t, WithConfig("watch_dog_time: 9"), WithConfigFile(file), WithSetting("line_task_max", 18), WithSetting("stuck_grace", 1500*time.Millisecond))
	for key, value := range map[string]string{"watch_dog_time": "9", "max_idle_time": "7", "line_task_max": "18", "stuck_grace": "1.5", "maximum_queue_line": "30"} {
		if its, err := s.Get(key); its != value || err != nil {
			t.Fatal(key, its, err)
		}
	}
	must(t, os.WriteFile(file, []byte("line_task_max: 3\n"), 0o600))
	must(t, s.Load(file))
	if its, err := s.Get("line_task_max"); its != "3" || err != nil || s.most.Load() != 3 {
		t.Fatal(its, err)
	}
}

func TestWrongSettingsAreRefusedInWords(t *testing.T) {
	s := start(t)
	for _, err := range []error{
		s.Set("line_task_max", 0), s.Set("line_task_max", "x"), s.Set("no_such_key", 1), s.Load("/no/such/file"),
		func() error { _, err := s.Get("no_such_key"); return err }(),
		func() error { _, err := New(WithConfig("line_task_max: x")); return err }(),
		func() error { _, err := New(WithSetting("no_such_key", 1)); return err }(),
		func() error { _, err := New(WithConfigFile("/no/such/file")); return err }(),
	} {
		if !errors.Is(err, ErrConfig) || err.Error() == ErrConfig.Error() {
			t.Fatal(err)
		}
	}
}

// lines is a writer that many may use.
type lines struct {
	sync.Mutex
	bytes.Buffer
}

func (l *lines) Write(text []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.Buffer.Write(text)
}

func (l *lines) has(text string) bool {
	l.Lock()
	defer l.Unlock()
	return strings.Contains(l.String(), text)
}

func logged(its *lines) Option {
	return WithLogger(slog.New(slog.NewTextHandler(its, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

func TestEachSchedulerHasItsOwnLog(t *testing.T) {
	var one, two lines
	first, second, silent := start(t, logged(&one)), start(t, logged(&two)), start(t)
	must(t, first.Ban("first"))
	must(t, second.Ban("second"))
	must(t, silent.Ban("silent"))
	failed := submit(t, first.Queue("q"), func(context.Context) (int, error) { return 0, errors.New("broken") })
	ended(t, failed)
	must(t, first.Close())
	for _, part := range []string{
		"Io linear task | first | is banned from execution", failed.ID().String(), "broken", "level=ERROR", "level=INFO",
		"All scheduler has been shut down.",
	} {
		if !one.has(part) {
			t.Fatalf("no %q in\n%s", part, one.String())
		}
	}
	if one.has("second") || one.has("silent") || !two.has("second") || two.has("first") || two.has("silent") {
		t.Fatal(one.String(), two.String())
	}
}

// reentrant is a handler that uses the scheduler whose lines it gets.
type reentrant struct {
	slog.Handler
	s **Scheduler
}

func (r reentrant) Handle(ctx context.Context, record slog.Record) error {
	if s := *r.s; s != nil {
		s.Info(true)
		_ = s.Ban("from the log")
		_ = s.Allow("from the log")
	}
	return r.Handler.Handle(ctx, record)
}

func TestALoggerMayCallTheScheduler(t *testing.T) {
	var its lines
	var s *Scheduler
	handler := reentrant{slog.NewTextHandler(&its, nil), new(*Scheduler)}
	limited := &once{Handler: handler}
	s = start(t, WithLogger(slog.New(limited)))
	*handler.s = s
	must(t, ended(t, submit(t, s.Queue("q"), func(context.Context) (int, error) { return 1, nil })))
	if !its.has("from the log") {
		t.Fatal(its.String())
	}
}

// once hands on the first lines, so that what those cause comes to an end.
type once struct {
	slog.Handler
	mutex sync.Mutex
	count int
}

func (o *once) Handle(ctx context.Context, record slog.Record) error {
	o.mutex.Lock()
	o.count++
	over := o.count > 20
	o.mutex.Unlock()
	if over {
		return nil
	}
	return o.Handler.Handle(ctx, record)
}

func TestTextsWithANulAreRefused(t *testing.T) {
	s := start(t)
	before, err := s.Get("line_task_max")
	must(t, err)
	_, getting := s.Get("line_task_max\x00")
	_, making := New(WithConfig("line_task_max: 4\x005"))
	for _, err := range []error{s.Set("line_task_max", "4\x00junk"), s.Load("/dev/null\x00"), getting, making} {
		if !errors.Is(err, ErrInvalidArgument) {
			t.Error(err)
		}
	}
	if after, err := s.Get("line_task_max"); after != before || err != nil {
		t.Fatal(after, err)
	}
}

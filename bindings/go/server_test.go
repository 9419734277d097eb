//go:build cgo

package ts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// server answers requests in the order of each client, one of a client at a time, and forgets those
// of a client that has left.
type server struct {
	s       *Scheduler
	began   chan string  // a slow request has begun
	ended   chan error   // and how it ended
	running sync.Map     // by client
	twice   atomic.Int32 // two of a client at once
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	client := r.URL.Query().Get("client")
	page, err := Submit(r.Context(), s.s.Queue("client "+client, Capacity(100)), func(ctx context.Context) (string, error) {
		if _, busy := s.running.LoadOrStore(client, true); busy {
			s.twice.Add(1)
		}
		defer s.running.Delete(client)
		if r.URL.Path == "/slow" {
			s.began <- client
			<-ctx.Done()
			s.ended <- context.Cause(ctx)
			return "", ctx.Err()
		}
		return "page " + r.URL.Query().Get("page"), nil
	})
	if errors.Is(err, ErrQueueFull) {
		http.Error(w, "too many requests", http.StatusTooManyRequests)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	text, err := page.Wait(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, text)
}

func TestAServerQueuesPerClientAndForgetsThoseWhoLeave(t *testing.T) {
	scheduler := start(t, WithSetting("line_task_max", 16), WithSetting("maximum_queue_line", 0))
	its := &server{s: scheduler, began: make(chan string, 1), ended: make(chan error, 1)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	web := &http.Server{Handler: its}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	clients := &http.Client{Transport: transport}
	get := func(ctx context.Context, format string, values ...any) (string, error) {
		request, err := http.NewRequestWithContext(ctx, "GET", "http://"+listener.Addr().String()+fmt.Sprintf(format, values...), nil)
		if err != nil {
			return "", err
		}
		response, err := clients.Do(request)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		return string(text), err
	}

	// Many clients, each with several connections.
	var all sync.WaitGroup
	for client := range 8 {
		for connection := range 4 {
			all.Add(1)
			go func() {
				defer all.Done()
				for at := range 50 {
					page := fmt.Sprint(connection, "-", at)
					if text, err := get(context.Background(), "/?client=%d&page=%s", client, page); text != "page "+page || err != nil {
						t.Error(text, err)
					}
				}
			}()
		}
	}
	all.Wait()
	if its.twice.Load() != 0 {
		t.Fatal("two requests of a client at once")
	}

	// One that leaves: what it was running is told, and what it had queued never runs.
	ctx, leave := context.WithCancel(context.Background())
	left := make(chan error)
	go func() { _, err := get(ctx, "/slow?client=leaves"); left <- err }()
	if client := <-its.began; client != "leaves" {
		t.Fatal(client)
	}
	for range 3 {
		go func() { _, err := get(ctx, "/slow?client=leaves"); left <- err }()
	}
	pending := func() (count int) {
		for status := range scheduler.Tasks() {
			if status.State == Pending {
				count++
			}
		}
		return count
	}
	eventually(t, "three are queued", func() bool { return pending() == 3 })
	if text, err := get(context.Background(), "/?client=stays&page=1"); text != "page 1" || err != nil {
		t.Fatal(text, err)
	}
	leave()
	for range 4 {
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if cause := <-its.ended; !errors.Is(cause, context.Canceled) {
		t.Fatal(cause)
	}
	eventually(t, "the server has forgotten all of them", func() bool {
		select {
		case client := <-its.began: // it came up before the server heard that it had left
			t.Log(client)
			<-its.ended
		default:
		}
		for status := range scheduler.Tasks() {
			if !status.State.Final() {
				return false
			}
		}
		return true
	})
	must(t, web.Shutdown(context.Background()))
	if err := <-served; err != http.ErrServerClosed {
		t.Fatal(err)
	}
	transport.CloseIdleConnections()
}

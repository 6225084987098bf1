// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// patient is far more than anything here takes.
const patient = time.Minute

// serving serves the full sources on loopback until the test ends, or stop is called.
func serving(t *testing.T) (address string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String(), serve(t, listener)
}

// serve serves the full sources on the listener.
func serve(t *testing.T, listener net.Listener) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- reader(t, full()).Serve(ctx, listener) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patient):
			t.Error("it goes on")
		}
	}
	t.Cleanup(stop)
	return stop
}

func TestServe(t *testing.T) {
	address, stop := serving(t)
	client := &http.Client{Timeout: patient}
	for _, test := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/metrics", 200, "\nsensor_events_generated_total{kind=\"exec\"} 10\n"},
		{"HEAD", "/metrics", 200, ""},
		{"POST", "/metrics", 405, "Method Not Allowed"},
		{"DELETE", "/metrics", 405, "Method Not Allowed"},
		{"GET", "/", 404, "not found"},
		{"GET", "/metrics/", 404, "not found"},
		{"GET", "/debug/pprof/", 404, "not found"},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			request, err := http.NewRequest(test.method, "http://"+address+test.path, strings.NewReader(""))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != test.status || !strings.Contains(string(body), test.body) || test.body == "" && len(body) > 0 {
				t.Errorf("%d, %v: %.200s", answer.StatusCode, err, body)
			}
			if !answer.Close {
				t.Error("the connection stays")
			}
			if kind := answer.Header.Get("Content-Type"); test.status == 200 && !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
				t.Errorf("it is %s", kind)
			}
		})
	}

	stop()
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("it listens after its end")
	}
}

// Nothing goes on after the end, not even for one who has asked for nothing yet
// or does not take the answer.
func TestServeEnds(t *testing.T) {
	before := runtime.NumGoroutine()
	address, stop := serving(t)
	for _, said := range []string{"", "GET /metrics HT", "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, said); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	deadline := time.Now().Add(patient)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		runtime.Gosched()
	}
}

// Who has had an answer, or does not ask, holds no place: the next one is answered.
func TestServeOthers(t *testing.T) {
	address, _ := serving(t)
	for _, said := range []string{"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /metrics HT"} {
		for range mostConnections {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, said); err != nil {
				t.Fatal(err)
			}
		}
		if got := statusFor(t, address, "localhost"); got != 200 {
			t.Errorf("%d", got)
		}
	}
}

// A listener that fails is said.
func TestServeFails(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if err := reader(t, full()).Serve(t.Context(), listener); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// More connections than there may be wait for others to end.
func TestLimited(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLimited(inner, 2, patient)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				return
			}
			accepted <- c
		}
	}()
	var clients []net.Conn
	for range 5 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		clients = append(clients, c)
	}
	first, second := <-accepted, <-accepted
	if len(l.taken) != 2 {
		t.Errorf("%d are taken", len(l.taken))
	}
	// The third is taken when the first has ended, however often that is closed.
	first.Close()
	first.Close()
	third := <-accepted
	for _, c := range []net.Conn{second, third} {
		if _, err := io.WriteString(c, "x\n"); err != nil {
			t.Error(err)
		}
	}
	for _, i := range []int{1, 2} {
		if line, err := bufio.NewReader(clients[i]).ReadString('\n'); line != "x\n" || err != nil {
			t.Errorf("client %d read %q, %v", i, line, err)
		}
	}
	for range 2 { // as http.Server does
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if c, ok := <-accepted; ok {
		t.Errorf("accepted %v after the end", c.RemoteAddr())
	}
	second.Close()
	third.Close()
}

// A place is held for a time, whatever comes by the connection.
func TestLimitedTime(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLimited(inner, 1, 50*time.Millisecond)
	defer l.Close()
	for range 2 {
		client, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		c, err := l.Accept() // waits for the one before to end
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = io.WriteString(client, "x")
			if err == nil {
				_, err = c.Read(make([]byte, 1))
			}
		}
		if _, err := c.Write([]byte{0}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after its time: %v", err)
		}
	}
}

// Whoever asks without end is answered ten times a second.
func TestPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler := paced(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Millisecond) }))
		begin := time.Now()
		const clients, each = 5, 4
		done := make(chan struct{})
		for range clients {
			go func() {
				for range each {
					handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
				}
				done <- struct{}{}
			}()
		}
		for range clients {
			<-done
		}
		if took, want := time.Since(begin), (clients*each-1)*pace+clients*each*time.Millisecond; took != want {
			t.Errorf("took %s, want %s", took, want)
		}

		// One that does not wait any longer takes nobody's turn.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
		time.Sleep(2 * pace)
		begin = time.Now()
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		if took := time.Since(begin); took != time.Millisecond {
			t.Errorf("took %s", took)
		}
		time.Sleep(2 * pace)
	})
}

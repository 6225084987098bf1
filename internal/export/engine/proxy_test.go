// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// proxiedVariable has the test binary ask an engine by way of the proxy that the environment names: it is read once in
// the life of a process.
const proxiedVariable = "SENSOR_TEST_PROXIED_CA"

func TestMain(m *testing.M) {
	if ca := os.Getenv(proxiedVariable); ca != "" {
		c, err := New(Options{Hosts: []string{"https://engine.example"}, CAFile: ca, APIKey: secret, Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			var response *Response
			if response, err = c.Do(context.Background(), http.MethodGet, "/", nil, nil); err == nil {
				os.Stdout.Write(response.Body)
				os.Exit(0)
			}
		}
		io.WriteString(os.Stdout, err.Error())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// proxied asks in another process and gives what that has written.
func proxied(t *testing.T, ca, proxy string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = []string{proxiedVariable + "=" + ca, "HTTPS_PROXY=" + proxy}
	out, err := cmd.Output()
	noSecret(t, string(out))
	return string(out), err
}

// An engine beyond a proxy is reached through it; what the variable has of secrets is in no error.
func TestProxy(t *testing.T) {
	ca := newAuthority(t)
	engine := ca.serveTLS("engine.example", time.Now().Add(time.Hour), nil)
	asked := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host + " " + r.Header.Get("Proxy-Authorization")
		to, err := net.Dial("tcp", engine.Listener.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		conn, from, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			io.Copy(to, from)
			to.Close()
		}()
		io.Copy(conn, to)
		conn.Close()
	}))
	defer proxy.Close()
	caFile := file(t, "ca", ca.PEM)
	withUser := strings.Replace(proxy.URL, "http://", "http://user:"+secret+"@", 1)
	if out, err := proxied(t, caFile, withUser); err != nil || out != "HTTP/1.1 " {
		t.Errorf("got %q, %v", out, err)
	}
	if n, got := len(asked), <-asked; n != 1 || !strings.HasPrefix(got, "CONNECT engine.example:443 Basic ") {
		t.Errorf("the proxy was asked %d times, %q", n, got)
	}
	withUser = strings.Replace("http://"+closedAddress(t), "http://", "http://user:"+secret+"@", 1)
	if out, err := proxied(t, caFile, withUser); err == nil || !strings.Contains(out, "nobody listens there") {
		t.Errorf("got %q, %v", out, err)
	}
}

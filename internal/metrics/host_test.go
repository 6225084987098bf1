// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"io"
	"net"
	"net/http"
	"os"
	"testing"
)

// statusFor is what is answered to who asks the address for a host.
func statusFor(t *testing.T, address, host string) int {
	t.Helper()
	request, err := http.NewRequest("GET", "http://"+address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	answer, err := (&http.Client{Timeout: patient}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}

// A page whose name leads to loopback reads nothing; who means this host does.
func TestHost(t *testing.T) {
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	address, _ := serving(t)
	for host, want := range map[string]int{
		"127.0.0.1:9478": 200, "127.0.0.1": 200, "[::1]:9478": 200, "[::1]": 200, "192.0.2.1:9478": 200,
		"localhost": 200, "LocalHost:9478": 200, own: 200, own + ":9478": 200,
		"page.example:9478": 421, "page.example": 421, "localhost.page.example": 421, "127.0.0.1.page.example:9478": 421,
	} {
		if got := statusFor(t, address, host); got != want {
			t.Errorf("%s: %d, want %d", host, got, want)
		}
	}
}

// Where other hosts may ask, they do so by whatever name they have for this one.
func TestHostBeyondLoopback(t *testing.T) {
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, listener)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if got := statusFor(t, net.JoinHostPort("127.0.0.1", port), "sensor.example"); got != 200 {
		t.Errorf("%d", got)
	}
}

// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// order is the order in which the endpoints are asked, by their hosts.
func order(e *endpoints) string {
	var names []string
	for _, p := range e.order() {
		names = append(names, p.url.Host)
	}
	return strings.Join(names, "")
}

func TestEndpointsRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoints([]*url.URL{{Host: "a"}, {Host: "b"}, {Host: "c"}})
		a, b := e.list[0], e.list[1]
		wants := func(orders ...string) {
			t.Helper()
			for _, want := range orders {
				if got := order(e); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		}
		wants("abc", "bca", "cab", "abc", "bca", "cab")
		e.note(b, false)
		wants("acb", "cab", "cab")
		time.Sleep(restFirst)
		wants("abc", "bca", "cab")
		e.note(b, false) // rests twice as long
		e.note(a, false) // and so less long than b
		wants("cab", "cab", "cab")
		time.Sleep(restFirst)
		wants("acb", "cab", "cab")
		e.note(b, true)
		wants("abc", "bca", "cab")
		for range 100 {
			e.note(a, false)
		}
		time.Sleep(restMost - 1)
		wants("bca", "bca", "cba")
		time.Sleep(time.Nanosecond)
		wants("abc", "bca", "cab")
		e.note(a, true)
		e.note(a, false)
		time.Sleep(restFirst)
		wants("abc", "bca", "cab")
	})
}

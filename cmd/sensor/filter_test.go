// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"sensor/internal/config"
	"sensor/internal/events"
)

func TestPathFilter(t *testing.T) {
	f := newPathFilter(config.Paths{Deny: []string{"/var/lib", "/etc/passwd"}, Allow: []string{"/var/lib/dpkg"}})
	for path, want := range map[string]bool{
		"/var/lib/x": false, "/var/lib": false, "/var/library": true, "/var/lib/dpkg/status": true, "/var/lib/dpkg-old": false,
		"/etc/passwd": false, "/etc/passwd-": true, "/": true, "": true, "cut/var/lib": true,
	} {
		if got := f.keeps(&events.File{Path: events.Path{Name: path}}); got != want {
			t.Errorf("%q kept: %v, want %v", path, got, want)
		}
	}
	out := &events.File{Path: events.Path{Name: "/tmp/x"}, Original: events.Path{Name: "/var/lib/x"}}
	in := &events.File{Path: events.Path{Name: "/var/lib/x"}, Original: events.Path{Name: "/tmp/x"}}
	within := &events.File{Path: events.Path{Name: "/var/lib/x"}, Original: events.Path{Name: "/var/lib/y"}}
	if !f.keeps(out) || !f.keeps(in) || f.keeps(within) {
		t.Error("a rename is reported if one of its paths is")
	}
	only := newPathFilter(config.Paths{Deny: []string{"/"}, Allow: []string{"/etc"}})
	if only.keeps(&events.File{Path: events.Path{Name: "/tmp/x"}}) || !only.keeps(&events.File{Path: events.Path{Name: "/etc/x"}}) {
		t.Error("/ denied leaves what is allowed")
	}
}

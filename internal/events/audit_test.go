// SPDX-License-Identifier: Apache-2.0

package events

import (
	"slices"
	"testing"
)

func TestAuditFields(t *testing.T) {
	got := AuditFields(map[string]string{
		"b": "2", "a": "1", "old-auid": "x", "obj_role": "y", "UID": "root",
		"empty": "", "": "v", "a.b": "v", `"`: "v", "a b": "v", "\n": "v", "é": "v",
	})
	want := []AuditField{{"UID", "root"}, {"a", "1"}, {"b", "2"}, {"obj_role", "y"}, {"old-auid", "x"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

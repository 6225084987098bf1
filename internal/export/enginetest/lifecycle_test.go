// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"strings"
	"testing"
)

func TestCheckLifecycle(t *testing.T) {
	for _, tc := range []struct{ phases, err string }{
		{`"hot":{"actions":{"rollover":{"max_age":"1d"}}},"delete":{"min_age":"30d","actions":{"delete":{}}}`, ""},
		{`"hot":{"actions":{"migrate":{}}}`, "invalid action [migrate] defined in phase [hot]"},
		{`"warm":{"min_age":"10d","actions":{}},"cold":{"min_age":"1d","actions":{}}`, "cold phase (min_age: 1d) before the warm phase"},
		{`"hot":{"actions":{"rollover":{"max_agee":"1d"}}}`, "unknown field [max_agee]"},
	} {
		err := CheckLifecycle(t, []byte(`{"policy":{"phases":{`+tc.phases+`}}}`))
		if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %v", tc.phases, err)
		}
	}
}

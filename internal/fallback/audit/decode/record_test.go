// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"fmt"
	"slices"
	"testing"

	"github.com/elastic/go-libaudit/v2/auparse"
)

func TestCutField(t *testing.T) {
	for text, want := range map[string][]string{
		``:                       nil,
		`   `:                    nil,
		`word`:                   nil,
		`a=1 b="x y" c=`:         {`a`, `1`, `b`, `"x y"`, `c`, ``},
		`  a=1  b=2`:             {`a`, `1`, `b`, `2`},
		`a=1 word b=2`:           {`a`, `1`, `b`, `2`},
		`subj=p (enforce) k="v"`: {`subj`, `p`, `k`, `"v"`},
		`subj==p//&q a=1`:        {`subj`, `=p//&q`, `a`, `1`},
		`=1 a=2`:                 {`a`, `2`},
		`a="never ends`:          {`a`, `"never ends`},
		`a="`:                    {`a`, `"`},
		`a="" b="="`:             {`a`, `""`, `b`, `"="`},
	} {
		var got []string
		for name, value, rest, ok := cutField(text); ok; name, value, rest, ok = cutField(rest) {
			got = append(got, name, value)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestBody(t *testing.T) {
	for raw, want := range map[string][2]string{
		"audit(1.002:3): a=1":              {"a=1", ""},
		"audit(1.002:3): a=1\x1dA=\"one\"": {"a=1", `A="one"`},
		"audit(1.002:3):  a1[1]=\"x\"":     {` a1[1]="x"`, ""},
		// A program's own words stay its own.
		"audit(1.002:3): uid=0 msg='a\x1dUID=\"x\"'":                    {"uid=0 msg='a\x1dUID=\"x\"'", ""},
		"audit(1.002:3): uid=0 msg='a'\x1dUID=\"x\"'":                   {"uid=0 msg='a'\x1dUID=\"x\"'", ""},
		"audit(1.002:3): uid=0 msg='a'\x1dUID=\"x\"'\x1dUID=\"root\"":   {"uid=0 msg='a'\x1dUID=\"x\"'", `UID="root"`},
		"audit(1.002:3): uid=0 msg='a\x1dUID=\"x\"'\x1dUID=\"o'brien\"": {"uid=0 msg='a\x1dUID=\"x\"'", `UID="o'brien"`},
		"audit(1.002:3): name=\"/msg='\" ouid=0\x1dOUID=\"root\"":       {"name=\"/msg='\" ouid=0", `OUID="root"`},
		"a=1 audit(1.002:3): b=2":                                       {"a=1 audit(1.002:3): b=2", ""},
		"audit(1.002:3)":                                                {"audit(1.002:3)", ""},
		"":                                                              {"", ""},
	} {
		text, added := body(&auparse.AuditMessage{RawData: raw})
		if got := [2]string{text, added}; got != want {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
	}
}

func TestUntrusted(t *testing.T) {
	for value, want := range map[string]string{
		``: "false", `(null)`: "false", `(none)`: "false", `""`: "true", `"a"`: "true a", `"6161"`: "true 6161", `6161`: "true aa",
		`C3A9`: "true é", `616`: "true 616", `61zz`: "true 61zz", `c3a9`: "true c3a9", `"`: "true",
	} {
		text, ok := untrusted(value)
		got := fmt.Sprint(ok)
		if text != "" {
			got += " " + text
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", value, got, want)
		}
	}
}

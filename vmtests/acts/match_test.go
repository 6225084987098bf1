// SPDX-License-Identifier: Apache-2.0

package acts

import (
	"encoding/json"
	"strings"
	"testing"
)

func decode(t *testing.T, text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDiffers(t *testing.T) {
	for _, test := range []struct {
		want, got string
		same      bool
	}{
		{`1`, `1.0`, true},
		{`18446744073709551615`, `18446744073709551615`, true},
		{`18446744073709551615`, `18446744073709551614`, false},
		{`1`, `"1"`, false},
		{`"1"`, `1`, false},
		{`true`, `true`, true},
		{`true`, `false`, false},
		{`null`, `false`, true},
		{`null`, `null`, true},
		{`null`, `0`, false},
		{`null`, `""`, false},
		{`["a","b"]`, `["a","b"]`, true},
		{`["a","b"]`, `["b","a"]`, false},
		{`["a"]`, `["a","b"]`, false},
		{`[]`, `["a"]`, false},
		{`{"id":"1"}`, `{"id":"1","name":"x"}`, true},
		{`{"id":"1","name":"x"}`, `{"id":"1"}`, false},
		{`{"$ends":"/b"}`, `"/a/b"`, true},
		{`{"$ends":"/b"}`, `"/b/a"`, false},
		{`{"$ends":"/b"}`, `3`, false},
		{`{"$begins":["abc","def","ghi"],"$bytes":5}`, `["abc","d"]`, true},
		{`{"$begins":["abc","def","ghi"],"$bytes":5}`, `["abc","def","ghi"]`, true},
		{`{"$begins":["abc","def","ghi"],"$bytes":5}`, `["abc"]`, false},
		{`{"$begins":["abc","def","ghi"],"$bytes":5}`, `["ab","def"]`, false},
		{`{"$begins":["abc","def","ghi"],"$bytes":5}`, `["abc","x"]`, false},
		{`{"$begins":["abc"],"$bytes":1}`, `["abc","def"]`, false},
		{`{"$begins":["abc"],"$bytes":1}`, `"abc"`, false},
		{`{"$begins":["abc"],"$bytes":1}`, `[1]`, false},
		{`{"$from":"2026-11-23T10:00:00Z","$to":"2026-11-23T10:00:01Z"}`, `"2026-11-23T10:00:00.5Z"`, true},
		{`{"$from":"2026-11-23T10:00:00Z","$to":"2026-11-23T10:00:01Z"}`, `"2026-11-23T10:00:01.000000001Z"`, false},
		{`{"$from":"2026-11-23T10:00:00Z","$to":"2026-11-23T10:00:01Z"}`, `"2026-11-23T09:59:59.999Z"`, false},
		{`{"$from":"2026-11-23T10:00:00Z","$to":"2026-11-23T10:00:01Z"}`, `3`, false},
		{`{"$least":5}`, `5`, true},
		{`{"$least":5}`, `4.9`, false},
		{`{"$least":5}`, `"5"`, false},
		{`{"$same":"x"}`, `"y"`, true},
	} {
		why := differs(decode(t, test.want), decode(t, test.got), true)
		if (why == "") != test.same {
			t.Errorf("%s and %s: %q", test.want, test.got, why)
		}
	}
	if differs(decode(t, `1`), nil, false) == "" {
		t.Error("a missing field is as wanted")
	}
	if differs(decode(t, `{"$same":"x"}`), nil, false) == "" {
		t.Error("a missing field is the same as others")
	}
	if why := differs(nil, nil, false); why != "" {
		t.Errorf("a missing field that is to be missing: %s", why)
	}
}

func TestLookup(t *testing.T) {
	doc := decode(t, `{"a":{"b":{"c":1},"b.d":2},"a.e":{"f":3}}`).(map[string]any)
	for path, want := range map[string]int{"a.b.c": 1, "a.b.d": 2, "a.e.f": 3, "a.b.x": 0, "a": 0, "x.y": 0} {
		if got := integer(doc, path); got != want {
			t.Errorf("%s is %d, want %d", path, got, want)
		}
	}
}

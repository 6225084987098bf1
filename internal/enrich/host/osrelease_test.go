// SPDX-License-Identifier: Apache-2.0

package host

import (
	"maps"
	"strings"
	"testing"
)

func TestParseRelease(t *testing.T) {
	tests := map[string]map[string]string{
		"":                                  {},
		"A=b":                               {"A": "b"},
		"A=b\nA=c\n":                        {"A": "c"},
		"A=\n":                              {"A": ""},
		"  A=b  \r\n":                       {"A": "b"},
		"# A=b\n#A=b\nA\n=b\n\n":            {},
		`A="b c"`:                           {"A": "b c"},
		`A='b "c" \d'`:                      {"A": `b "c" \d`},
		`A="b \"c\" \\ \$ \` + "`" + ` \d"`: {"A": `b "c" \ $ ` + "`" + ` \d`},
		`A=b\ c`:                            {"A": "b c"},
		`A="b=c"`:                           {"A": "b=c"},
		`A="b` + "\n" + `B=c`:               {"B": "c"},
		`A='b` + "\n" + `B=c`:               {"B": "c"},
		`A="b\"` + "\n" + `B=c`:             {"B": "c"},
		`A="b"c` + "\n" + `B=c`:             {"B": "c"},
		`A=b\`:                              {},
		`A="\`:                              {},
		"A=\"\xff\"":                        {"A": "\xff"},
	}
	for text, want := range tests {
		if got := parseRelease(text); !maps.Equal(got, want) {
			t.Errorf("parseRelease(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestOSOf(t *testing.T) {
	got := osOf(nil)
	if want := (OS{Type: "linux", Name: "Linux", Platform: "linux", Full: "Linux"}); got != want {
		t.Errorf("of nothing: %+v, want %+v", got, want)
	}
	got = osOf(map[string]string{"ID": "x", "ID_LIKE": "y ubuntu suse"})
	if got.Family != "debian" {
		t.Errorf("family %q, want that of the first id that has one", got.Family)
	}
}

func FuzzParseRelease(f *testing.F) {
	f.Add("NAME=\"Debian GNU/Linux\"\nID=debian\nID_LIKE='a b'\n")
	f.Add("A=\"\\\"\\\n='\n")
	f.Fuzz(func(t *testing.T, text string) {
		for key, value := range parseRelease(text) {
			if key == "" || len(key)+len(value) > len(text) || strings.Contains(key+value, "\n") {
				t.Errorf("parseRelease(%q): %q is %q", text, key, value)
			}
		}
		if o := osOf(parseRelease(text)); o.Name == "" || o.Platform == "" || o.Type != "linux" || !strings.HasPrefix(o.Full, o.Name) {
			t.Errorf("osOf of %q = %+v", text, o)
		}
	})
}

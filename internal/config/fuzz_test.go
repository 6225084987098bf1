// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"
)

// FuzzParse checks that any text gives a configuration that passes Check, or faults with a place and one line each.
// Run it with -fuzzminimizetime=1x: with the default, most of a short run goes into minimising inputs.
func FuzzParse(f *testing.F) {
	inputs, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range append(inputs, example) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for in := range faultCases() {
		f.Add([]byte(in))
	}
	s := testSchema()
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := s.Parse("sensor.yaml", data)
		if err == nil {
			if err := s.Check(c); err != nil {
				t.Fatalf("parsed, but: %v", err)
			}
			if again, err := s.Parse("sensor.yaml", data); err != nil || !reflect.DeepEqual(again, c) {
				t.Fatalf("parsed again: %+v, %v", again, err)
			}
			return
		}
		if !reflect.DeepEqual(c, Config{}) {
			t.Fatalf("a configuration beside an error: %+v", c)
		}
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok {
			t.Fatalf("%T is not joined", err)
		}
		lines := bytes.Count(data, []byte("\n")) + 1
		for _, err := range joined.Unwrap() {
			e, ok := err.(*Error)
			if !ok {
				t.Fatalf("%T: %v", err, err)
			}
			if e.File != "sensor.yaml" || e.Reason == "" || e.Line < 0 || e.Line > lines || (e.Line > 0) != (e.Column > 0) {
				t.Fatalf("fault without its place: %+v", e)
			}
			if strings.ContainsFunc(e.Error(), unicode.IsControl) {
				t.Fatalf("fault of more than a line: %q", e.Error())
			}
		}
	})
}

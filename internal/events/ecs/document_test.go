// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// A document is a line taken apart: for each path of a leaf, with dots and
// without array indices, the values that stand there in order.
type document map[string][]any

// parse takes a line apart. It is an error if the line is not one JSON object
// on one line, if an object has a key twice, if an object or an array is empty,
// or if two paths could not stand in one mapping.
func parse(line []byte) (document, error) {
	if !utf8.Valid(line) {
		return nil, errors.New("not UTF-8")
	}
	if i := bytes.IndexAny(line, "\n\r"); i >= 0 {
		return nil, fmt.Errorf("a line ends at %d of %d", i, len(line))
	}
	if !json.Valid(line) {
		return nil, fmt.Errorf("not JSON: %.200s", line)
	}
	d := document{}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	if err := d.value(decoder, ""); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("more than one value")
	}
	for path := range d {
		for i := range len(path) {
			if path[i] == '.' && d[path[:i]] != nil {
				return nil, fmt.Errorf("%s is both a value and an object", path[:i])
			}
		}
	}
	return d, nil
}

func (d document) value(decoder *json.Decoder, path string) error {
	token, err := decoder.Token()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	switch token {
	case json.Delim('{'):
		return d.object(decoder, path)
	case json.Delim('['):
		if !decoder.More() {
			return fmt.Errorf("%s: empty array", path)
		}
		for decoder.More() {
			if err := d.value(decoder, path); err != nil {
				return err
			}
		}
		_, err := decoder.Token()
		return err
	}
	if path == "" {
		return errors.New("not an object")
	}
	d[path] = append(d[path], token)
	return nil
}

func (d document) object(decoder *json.Decoder, path string) error {
	if !decoder.More() {
		return fmt.Errorf("%s: empty object", path)
	}
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		key := token.(string)
		if seen[key] {
			return fmt.Errorf("%s: key %s stands twice", path, key)
		}
		seen[key] = true
		if path != "" {
			key = path + "." + key
		}
		if err := d.value(decoder, key); err != nil {
			return err
		}
	}
	_, err := decoder.Token()
	return err
}

// paths lists the paths of the leaves, sorted.
func (d document) paths() []string {
	paths := make([]string, 0, len(d))
	for path := range d {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// one is the only value at the path, as text.
func (d document) one(t testing.TB, path string) string {
	t.Helper()
	if len(d[path]) != 1 {
		t.Errorf("%s = %v, want one value", path, d[path])
		return ""
	}
	return fmt.Sprint(d[path][0])
}

// raws are the exact bytes of what was not UTF-8, by field.
func (d document) raws(t testing.TB) map[string]string {
	t.Helper()
	raws := map[string]string{}
	for path := range d {
		field, ok := strings.CutPrefix(path, "sensor.raw.")
		if !ok {
			continue
		}
		b, err := hex.DecodeString(d.one(t, path))
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		raws[field] = string(b)
	}
	return raws
}

func mustParse(t testing.TB, line []byte) document {
	t.Helper()
	d, err := parse(line)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestParse(t *testing.T) {
	tests := map[string]struct{ line, want string }{
		"leaves":          {`{"a":{"b":[1,2],"c":[{"d":true},{"d":false}]},"e":"x"}`, "a.b a.c.d e"},
		"no object":       {`"a"`, "error"},
		"two values":      {`{"a":1} {"a":1}`, "error"},
		"cut":             {`{"a":1`, "error"},
		"key twice":       {`{"a":1,"a":2}`, "error"},
		"key twice below": {`{"a":[{"b":1,"c":1,"b":2}]}`, "error"},
		"escaped twice":   {`{"a":1,"\u0061":2}`, "error"},
		"empty object":    {`{"a":{}}`, "error"},
		"empty array":     {`{"a":[]}`, "error"},
		"value and more":  {`{"a":{"b":1},"a.b.c":2}`, "error"},
		"newline":         {"{\"a\":\n1}", "error"},
		"not UTF-8":       {"{\"a\":\"\xff\"}", "error"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := parse([]byte(test.line))
			got := strings.Join(d.paths(), " ")
			if err != nil {
				got = "error"
			}
			if got != test.want {
				t.Errorf("parse(%s) = %s, %v; want %s", test.line, got, err, test.want)
			}
		})
	}
}

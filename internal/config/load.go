// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"io"
	"os"
	"reflect"
)

// Load reads and parses the configuration file at path. Faults of the file carry path as File.
func (s Schema) Load(path string) (Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("open config: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1)) // one more, for Parse to see that it is too much
	if err != nil {
		return Config{}, fmt.Errorf("read config: %w", err)
	}
	return s.Parse(path, data)
}

// Parse reads a configuration from YAML over the defaults. Every fault carries name as File.
func (s Schema) Parse(name string, data []byte) (Config, error) {
	c, _, faults := s.parse(data)
	if len(faults) > 0 {
		for _, f := range faults {
			f.File = name
		}
		return Config{}, join(faults)
	}
	return c, nil
}

// parse also returns where each key of the document has its value.
func (s Schema) parse(data []byte) (Config, map[string]position, []*Error) {
	c := s.Default()
	root, faults := document(data)
	d := decoder{at: make(map[string]position), spoilt: make(map[string]bool), faults: faults}
	if root != nil {
		d.value("", root, reflect.ValueOf(&c).Elem())
	}
	for _, f := range s.check(c) {
		if d.spoilt[f.Key] {
			continue // it has its fault
		}
		at := d.locate(f.Key)
		f.Line, f.Column = at.line, at.column
		d.faults = append(d.faults, f)
	}
	return c, d.at, d.faults
}

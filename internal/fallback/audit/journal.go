// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// journal keeps in a file what a sensor has to give back, for the case that it
// is killed. Each sensor has a file of its own; there is none if there is nothing to give back.
type journal struct {
	owner owner
	dir   string
	notes notes
}

type notes struct {
	Owner    string    `json:"owner"`
	Settings *settings `json:"settings,omitempty"`
	// Rules that have no key.
	Rules [][]byte `json:"rules,omitempty"`
}

// settings of the audit system: what they were, and what they were changed to.
type settings struct {
	Before values `json:"before"`
	Ours   values `json:"ours"`
}

func (j *journal) setSettings(s *settings) error {
	j.notes.Settings = s
	return j.write()
}

func (j *journal) setRules(list [][]byte) error {
	if len(list) == 0 && len(j.notes.Rules) == 0 {
		return nil
	}
	j.notes.Rules = list
	return j.write()
}

func (j *journal) path() string { return filepath.Join(j.dir, "audit-"+j.owner.String()+".json") }

func (j *journal) write() error {
	if j.notes.Settings == nil && len(j.notes.Rules) == 0 {
		return remove(j.path())
	}
	j.notes.Owner = j.owner.String()
	text, err := json.Marshal(j.notes)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return fmt.Errorf("note audit settings: %w", err)
	}
	// Whole or not at all: who reads it believes it.
	draft := j.path() + ".new"
	if err := os.WriteFile(draft, text, 0o600); err != nil {
		return fmt.Errorf("note audit settings: %w", err)
	}
	if err := os.Rename(draft, j.path()); err != nil {
		return fmt.Errorf("note audit settings: %w", err)
	}
	return nil
}

// legacies are the journals of sensors that live no more, by their files. A
// file that cannot be read is in the error; it is left where it is.
func legacies(dir string, lives func(owner) bool) (map[string]notes, error) {
	names, err := filepath.Glob(filepath.Join(dir, "audit-"+keyPrefix+"*.json"))
	if err != nil {
		return nil, err
	}
	found := map[string]notes{}
	var errs []error
	for _, name := range names {
		text, err := os.ReadFile(name)
		var n notes
		if err == nil {
			err = json.Unmarshal(text, &n)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("read former audit settings %s: %w", name, err))
			continue
		}
		if o, ok := parseOwner(n.Owner); !ok || !lives(o) {
			found[name] = n
		}
	}
	return found, errors.Join(errs...)
}

func remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forget audit settings: %w", err)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package acts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// parse reads what an act said. A fault that the act reports is an error.
func parse(text []byte) (Result, error) {
	var r Result
	var errs []error
	for n, line := range bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
		if err := r.add(line); err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", n+1, err))
		}
	}
	return r, errors.Join(errs...)
}

func (r *Result) add(line []byte) error {
	if len(line) == 0 {
		return nil
	}
	var said struct {
		Expect, May, Also, Never *Expectation
		ExpectFailed             *Expectation `json:"expect_failed"`
		DistinctEntity           []int        `json:"distinct_entity"`
		Adopt                    int
		Files                    string
		Ready                    bool
		Skip, Fault              string
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(&said); err != nil {
		return fmt.Errorf("parse what the act said: %w", err)
	}
	add := func(list *[]Expectation, e *Expectation) {
		if e != nil {
			*list = append(*list, *e)
		}
	}
	add(&r.Expect, said.Expect)
	add(&r.May, said.May)
	add(&r.Also, said.Also)
	add(&r.Never, said.Never)
	add(&r.Failed, said.ExpectFailed)
	r.Distinct = append(r.Distinct, said.DistinctEntity...)
	if said.Adopt != 0 {
		r.Adopted = append(r.Adopted, said.Adopt)
	}
	if said.Files != "" {
		r.Files = append(r.Files, said.Files)
	}
	if said.Skip != "" {
		r.Skip = said.Skip
	}
	if said.Fault != "" {
		return fmt.Errorf("the act failed: %s", said.Fault)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
)

// A variable of the BPF objects, set in every family that has one of this name.
type variable struct {
	s    *Source
	name string
}

// Set gives the variable a value, of a type with the size that the programs know.
func (v variable) Set(value any) error {
	var errs []error
	for _, f := range v.s.families {
		if variable := f.shared.Variables[v.name]; variable != nil {
			if err := variable.Set(value); err != nil {
				errs = append(errs, fmt.Errorf("set %s: %w", v.name, err))
			}
		}
	}
	return errors.Join(errs...)
}

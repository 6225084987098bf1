// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
)

//go:embed rows.txt
var rowList string

// Row is one line of the matrix: a kernel and how it is booted.
type Row struct {
	Name  string
	Arch  string
	Flags []string // vmrun's
}

// Rows returns the matrix in its order.
func Rows() ([]Row, error) { return ParseRows(rowList) }

// FindRow returns a row by name. The error names the rows that exist.
func FindRow(rows []Row, name string) (Row, error) {
	var known []string
	for _, r := range rows {
		if r.Name == name {
			return r, nil
		}
		known = append(known, r.Name)
	}
	return Row{}, fmt.Errorf("find row %s: not one of %s", name, strings.Join(known, ", "))
}

// ParseRows reads the format of rows.txt. All errors come at once, each with its line.
func ParseRows(text string) ([]Row, error) {
	var rows []Row
	var errs []error
	for n, f := range records(text) {
		if len(f) < 4 {
			errs = append(errs, fmt.Errorf("parse rows, line %d: %d fields, want a name, an architecture and flags", n, len(f)))
			continue
		}
		r := Row{Name: f[0], Arch: f[1], Flags: f[2:]}
		if _, dup := FindRow(rows, r.Name); dup == nil {
			errs = append(errs, fmt.Errorf("parse rows, line %d: %s is listed twice", n, r.Name))
			continue
		}
		rows = append(rows, r)
	}
	return rows, errors.Join(errs...)
}

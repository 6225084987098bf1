// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes. It is written as a whole number of bytes, or of KiB, MiB or GiB: 4096, 8MiB.
type Size int64

// The units of a Size.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
)

type sizeUnit struct {
	suffix string
	bytes  Size
}

func sizeUnits() [3]sizeUnit { return [3]sizeUnit{{"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}} }

// UnmarshalText parses a size. Fractions, signs, blanks and other units are errors.
func (s *Size) UnmarshalText(text []byte) error {
	number, unit := string(text), Size(1)
	for _, u := range sizeUnits() {
		if n, ok := strings.CutSuffix(number, u.suffix); ok {
			number, unit = n, u.bytes
			break
		}
	}
	if number == "" || strings.Trim(number, "0123456789") != "" || (len(number) > 1 && number[0] == '0') {
		return fmt.Errorf("%s is not a size (want e.g. 8MiB)", quote(string(text)))
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n > math.MaxInt64/int64(unit) {
		return fmt.Errorf("%s is too large for a size", quote(string(text)))
	}
	*s = Size(n) * unit
	return nil
}

// String gives the size in the largest unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits() {
		if s != 0 && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

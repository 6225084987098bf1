// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
)

// Format is how an event is written.
type Format string

// The formats.
const (
	FormatAuto Format = "auto" // text on a terminal, else json
	FormatJSON Format = "json" // one ECS document per line
	FormatText Format = "text" // one readable line per event
)

// UnmarshalText accepts auto, json and text.
func (f *Format) UnmarshalText(text []byte) error {
	return choose(f, text, "format", FormatAuto, FormatJSON, FormatText)
}

// Redaction is whether secrets in arguments and variables are masked.
type Redaction string

// The redactions.
const (
	RedactDefault Redaction = "default" // well-known secrets are masked
	RedactOff     Redaction = "off"     // nothing is masked
)

// UnmarshalText accepts default and off.
func (r *Redaction) UnmarshalText(text []byte) error {
	return choose(r, text, "redaction", RedactDefault, RedactOff)
}

// choose sets p to the one of choices that text spells.
func choose[T ~string](p *T, text []byte, noun string, choices ...T) error {
	if i := slices.Index(choices, T(text)); i >= 0 {
		*p = choices[i]
		return nil
	}
	names := make([]string, len(choices))
	for i, c := range choices {
		names[i] = string(c)
	}
	return fmt.Errorf("%s is not a %s (want %s)", quote(string(text)), noun, list(names))
}

// Destination is where events go: stdout, elasticsearch, or file: and a path.
type Destination string

// The destinations that are no file.
const (
	Stdout          Destination = "stdout"
	ToElasticsearch Destination = "elasticsearch"
)

const filePrefix = "file:"

// UnmarshalText accepts stdout, file:PATH and elasticsearch.
func (d *Destination) UnmarshalText(text []byte) error {
	path, isFile := strings.CutPrefix(string(text), filePrefix)
	if to := Destination(text); to != Stdout && to != ToElasticsearch && (!isFile || path == "") {
		return fmt.Errorf("%s is not a destination (want stdout, file:PATH or elasticsearch)", quote(string(text)))
	}
	*d = Destination(text)
	return nil
}

// File returns the path of a file destination; ok is false for every other.
func (d Destination) File() (path string, ok bool) { return strings.CutPrefix(string(d), filePrefix) }

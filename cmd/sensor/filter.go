// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"sensor/internal/config"
	"sensor/internal/events"
)

// pathFilter decides by paths which events of files are reported: of the listed
// directories and files above a path, or the path itself, the longest wins.
type pathFilter map[string]bool // path to whether it is reported

func newPathFilter(paths config.Paths) pathFilter {
	f := pathFilter{}
	for _, path := range paths.Deny {
		f[path] = false
	}
	for _, path := range paths.Allow {
		f[path] = true
	}
	return f
}

// keeps reports whether an event of the file is reported. A rename is if one of its paths is.
func (f pathFilter) keeps(file *events.File) bool {
	return len(f) == 0 || f.reports(file.Path.Name) || file.Original.Name != "" && f.reports(file.Original.Name)
}

func (f pathFilter) reports(path string) bool {
	for {
		if reported, ok := f[path]; ok {
			return reported
		}
		i := strings.LastIndexByte(path, '/')
		switch {
		case i < 0 || path == "/":
			return true
		case i == 0:
			path = "/"
		default:
			path = path[:i]
		}
	}
}

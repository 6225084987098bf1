// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
)

// version is set by the linker; see the Makefile.
var version = "0.1.0-dev"

type versionCommand struct{}

func (versionCommand) Run(std streams) error {
	_, err := fmt.Fprintln(std.out, "sensor", version)
	return err
}

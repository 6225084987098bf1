// SPDX-License-Identifier: Apache-2.0

// Command compile builds the acts into a directory with the given C compiler:
// for virtual machines, which have none.
package main

import (
	"fmt"
	"os"

	"sensor/vmtests/acts"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: compile DIR CC")
		os.Exit(2)
	}
	if err := acts.Compile(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "compile:", err)
		os.Exit(1)
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

type doctorCommand struct {
	JSON bool `help:"For machines."`
}

func (doctorCommand) Run() error { return nil }

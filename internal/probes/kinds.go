// SPDX-License-Identifier: Apache-2.0

package probes

import "sensor/internal/events"

// A decoder turns a raw record into an event, or says why it cannot: one of
// the two, never both.
type decoder func(raw []byte, clock *Clock, env []string) (*events.Event, header, error)

// A variant is one way to see a kind: a set of programs that serve it together.
type variant struct {
	name     string
	programs []string
}

// A kindRow says how a kind is served. The variants are tried in order.
type kindRow struct {
	kind     events.Kind
	decode   decoder
	variants []variant
}

// kindRows is the table of kinds. The order is the order of attaching: fork
// comes first, because the snapshot begins where fork is seen.
func kindRows() []kindRow {
	return []kindRow{
		{events.KindFork, decodeProcess, []variant{{"tracepoint", []string{"process_fork"}}}},
		{events.KindExec, decodeProcess, []variant{{"tracepoint", []string{"process_exec"}}}},
		{events.KindExit, decodeProcess, []variant{{"tracepoint", []string{"process_exit"}}}},
		{events.KindExecFailed, decodeProcess, []variant{{"tracepoint", []string{"execve_exit", "execveat_exit", "execve_enter", "execveat_enter"}}}},
		{events.KindAlreadyRunning, decodeProcess, []variant{{"iterator", []string{snapshotProgram}}, {"procfs", nil}}},
	}
}

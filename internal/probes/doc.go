// SPDX-License-Identifier: Apache-2.0

// Package probes is the eBPF source: it loads the programs of bpf/, attaches
// them, reads their records, and accounts for what the kernel generated and
// dropped. To add a kind, write its programs in the family's .bpf.c, a decoder
// file, a row in kinds.go, and a line for each program in programs_FAMILY.go.
package probes

// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"slices"
	"strings"

	"sensor/internal/clock"
	"sensor/internal/events"
)

// A decoder turns a raw record into an event, or says why it cannot: one of
// the two, never both.
type decoder func(raw []byte, clock *clock.Clock, env []string) (*events.Event, header, error)

// A variant is one way to see a kind: a set of programs that serve it together.
type variant struct {
	name     string
	programs []string // alternatives with |: the first that the kernel takes, where hooks changed; x| may be missing
}

// alternatives are the programs of which a variant needs one.
func alternatives(step string) []string { return strings.Split(step, "|") }

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
		{events.KindConnect, decodeNetwork, []variant{
			{"trampoline", []string{
				"sock_state", "sock_state_again", "sock_destroyed", "tcp_connect", "tcp6_connect", "datagram_connect", "datagram6_connect",
				"udp_send", "udp6_send", "raw_send", "raw6_send", "ping_send", "ping6_send", "inet_released",
			}},
			{"tracepoint", []string{
				"sock_state", "sock_state_again", "sock_destroyed", "connect_exit", "connect_enter", "connect4", "connect6", "sendmsg4", "sendmsg6", "sock_release",
			}},
		}},
		{events.KindAccept, decodeNetwork, []variant{
			{"trampoline", []string{"sock_state", "sock_state_again", "sock_destroyed", "accept_graft"}},
			{"tracepoint", []string{"sock_state", "sock_state_again", "sock_destroyed", "accept_exit", "accept4_exit", "sock_release"}},
		}},
		// Who connects and who accepts has to be seen for the end to have an owner.
		{events.KindClose, decodeNetwork, []variant{
			{"trampoline", []string{
				"sock_state", "sock_state_again", "sock_destroyed", "accept_graft", "datagram_connect", "datagram6_connect", "inet_released", socketsProgram,
			}},
			{"tracepoint", []string{
				"sock_state", "sock_state_again", "sock_destroyed", "accept_exit", "accept4_exit", "connect_exit", "connect_enter", "connect4", "connect6",
				"sock_release", socketsProgram,
			}},
		}},
		{events.KindFileCreate, decodeFile, []variant{
			{"trampoline", []string{"file_opened", "mkdir_begins", "mknod_begins", "symlink_begins", "link_begins", "creation_ends"}},
			{"tracepoint", slices.Concat([]string{"open_exit|", "openat_exit", "openat2_exit", "creat_exit|", "open_by_handle_exit"}, ctimes(), aroundCalls(creatingCalls()), []string{"uring_completed|"})},
		}},
		{events.KindFileWrite, decodeFile, []variant{
			{"trampoline", []string{
				"file_released", "file_written", "written_vectors", "copy_begins", "copied", "spliced", "cloned", "allocated", "mapped", "protected",
				"truncated_path", "truncated|truncated_5_10", "aio_begins", "aio_ended", "uring_written", "uring_ended",
			}},
			{"tracepoint", slices.Concat(ctimes(), aroundCalls(truncatingCalls()), []string{
				"uring_completed|", "close_enter", "dup2_enter|", "dup3_enter", "open_exit|", "openat_exit", "openat2_exit", "creat_exit|", "open_by_handle_exit", "write_exit", "pwrite_exit", "writev_exit",
				"pwritev_exit", "pwritev2_exit", "sendfile_exit", "splice_exit", "copy_exit", "ftruncate_exit", "fallocate_exit", "mmap_exit", "ioctl_exit",
			})},
		}},
		{events.KindFileRename, decodeFile, []variant{
			{"trampoline", []string{"rename_begins", "renamed"}},
			{"tracepoint", slices.Concat(ctimes(), aroundCalls(renamingCalls()), []string{"uring_completed|"})},
		}},
		{events.KindFileDelete, decodeFile, []variant{
			{"trampoline", []string{"unlink_begins", "rmdir_begins", "removed"}},
			{"tracepoint", slices.Concat(ctimes(), aroundCalls(deletingCalls()), []string{"uring_completed|"})},
		}},
		{events.KindFileAttributes, decodeFile, []variant{
			{"trampoline", []string{"mode_changed", "owner_changed", "xattr_set", "xattr_removed|", "acl_set|", "acl_removed|", "creation_ends", "file_access_ends"}},
			{"tracepoint", slices.Concat(ctimes(), aroundCalls(attributeCalls()))},
		}},
		{events.KindBind, decodeNetwork, []variant{{"cgroup", []string{"bound4", "bound6"}}}},
		{events.KindListen, decodeNetwork, []variant{{"tracepoint", []string{"sock_state", "sock_state_again", "listen_exit", "listen_enter"}}}},
		{events.KindUnixConnect, decodeLocal, []variant{
			{"trampoline", []string{"unix_stream", "unix_dgram"}},
			{"tracepoint", []string{"unix_connect_exit", "local_connect_enter"}},
		}},
		{events.KindUnixAccept, decodeLocal, []variant{
			{"trampoline", []string{"accept_graft"}},
			{"tracepoint", []string{"accept_exit", "accept4_exit"}},
		}},
		{events.KindVsockConnect, decodeLocal, []variant{{"tracepoint", []string{"vsock_connect_exit", "local_connect_enter"}}}},
		{events.KindVsockAccept, decodeLocal, []variant{
			{"trampoline", []string{"accept_graft"}},
			{"tracepoint", []string{"accept_exit", "accept4_exit"}},
		}},
	}
}

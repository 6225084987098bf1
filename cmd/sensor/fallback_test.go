// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"sensor/internal/fallback/audit/audittest"
	"sensor/vmtests/acts"
)

// TestActsOfAudit holds the audit source to the acts, but for what audit records do not know.
func TestActsOfAudit(t *testing.T) {
	audittest.Lock(t)
	throughLens(t, auditLens)
}

// TestActsOfProcconn holds the process connector to the acts of processes.
func TestActsOfProcconn(t *testing.T) { throughLens(t, procconnLens) }

// vmFallbackActs are run on every kernel: each record's way into each kind.
const vmFallbackActs = `^(exec|exec-chain|execveat-cwd|script|args-many|args-64k|args-none|cred-ids|cred-setuid|odd-.*|path-chroot|ns-pid|fork.*|vfork|thread.*|exit-.*|failed-.*|compat.*` +
	`|net-(connect|connect-v6|connect-mapped|connect-refused|accept|bind|compat-.*|local-unix|local-vsock)` +
	`|file-(create-.*|rename|rename-replace|rename-directory|delete|delete-rmdir|attributes-chmod|attributes-chown|path-tmpfs|path-bind|path-not-utf8|compat|uring-unlinkat|not-.*))$`

func throughLens(t *testing.T, l lens) {
	t.Helper()
	pattern := *onlyActs
	if pattern == "" && row() != "host" {
		pattern = vmFallbackActs
	}
	list := actsLike(t, pattern)
	all := runActs(t, list, "--source", l.source, "--kinds", l.kinds,
		"-c", configFile(t, "limits: {queue: {events: 65536, bytes: 512MiB}}"))
	if n := all.balance.Lost(); n != 0 {
		t.Errorf("%d events were lost: %v", n, all.balance.Dropped)
	}
	for _, act := range list {
		t.Run(act.Name, func(t *testing.T) {
			r, docs := all.of(t, act.Name)
			if r.Skip != "" {
				t.Skip(r.Skip)
			}
			r = l.through(r)
			if err := checkAct(r, l.see(act.Name, docs), l.blind); err != nil {
				t.Error(err)
			}
			blind := slices.ContainsFunc(l.blind, func(b blind) bool { return slices.Contains(strings.Fields(b.acts), act.Name) })
			if blind || !slices.Contains(strings.Split(l.kinds, ","), "exec_failed") {
				return
			}
			if err := errors.Join(acts.CheckFailed(r, docs)...); err != nil {
				t.Error(err)
			}
		})
	}
}

var auditLens = lens{
	source: "audit",
	kinds: "exec,exit,already_running,exec_failed,connect,accept,bind,listen,unix_connect,unix_accept,vsock_connect,vsock_accept," +
		"file_create,file_write,file_rename,file_delete,file_attributes",
	actions: []string{
		"exec", "end", "already_running", "connection_attempted", "connection_accepted", "bound-socket", "listen-for-connections",
		"connected-to", "accepted-connection-from", "creation", "modification", "rename", "deletion", "attributes_modified",
	},
	unknown: map[string]string{
		"": "process.thread.id process.start process.entity_id process.vpid process.group_leader. process.session_leader. process.entry_leader. " +
			"process.Ext.command_line_truncated sensor.cgroup. sensor.namespaces. process.supplemental_groups process.thread.capabilities. " +
			"network.transport network.community_id sensor.network.",
		"exec":                   "sensor.exec.args",
		"connection_attempted":   "source.ip source.port source.address",
		"connection_accepted":    "destination.ip destination.port destination.address",
		"bound-socket":           "source.port",
		"listen-for-connections": "source.ip source.port source.address network.type",
		"connected-to":           "source.path source.address",
		"creation":               restOfStatus,
		"modification":           restOfStatus,
		"rename":                 restOfStatus,
		"deletion":               restOfStatus,
		"attributes_modified":    restOfStatus,
	},
	partly: map[string]string{
		// Who does not ask accept(2) for the peer is not told.
		"connection_accepted": "net-accept", "accepted-connection-from": "",
		// A file is told when it is opened for writing, if it was there.
		"modification": "",
		// Every listen(2) is told, and of none where.
		"listen-for-connections": "net-listen-uring",
	},
	forkless:   true,
	signalless: true,
	blind:      auditBlindSpots,
}

// restOfStatus is what PATH records lack of what stat(2) says.
const restOfStatus = "file.size file.mtime file.ctime sensor.file.links"

const byAudit = "source audit"

// auditBlindSpots is what audit records do not tell, beyond fields that no record has.
var auditBlindSpots = []blind{
	{byAudit, "document", "which of several processes with one pid it is, where nobody tells forks", "pid-reuse pid-reuse-fast"},
	{byAudit, "document", "ends of processes other than by exit_group(2): the last thread's exit(2)", "exit-last-thread exit-race-threads file-write-table"},
	{byAudit, "document, sometimes", "that an exec has failed because another thread's has ended it, which no program ever sees", "thread-exec-race"},
	{byAudit, "document", "processes that the kernel starts", "helper-core"},
	{byAudit, "document", "names of what was executed by a descriptor", "exec-deleted exec-memfd exec-replaced execveat-empty execveat-dirfd fexecve script-fd"},
	{byAudit, "document", "that a path is not below the process's root or was cut, and the path then", "path-detached path-foreign path-outside-root path-cut"},
	{byAudit, "document", "that there are more groups", "cred-groups"},
	{byAudit, "document", "datagrams that are sent without connect(2), and fast open", "net-connect-fast-sendto net-connect-fast-sendmsg net-connect-fast-v6 net-connect-fast-refused " +
		"net-udp-send net-udp-send-v6 net-udp-send-mapped net-udp-send-unbound net-udp-send-unbound-v6 net-udp-send-many net-udp-send-two net-udp-send-no-route net-udp-sendmmsg net-udp-sockets " +
		"net-udp-processes net-udp-answered net-udp-older net-udp-raw net-udp-raw-v6 net-udp-raw-header net-udp-ping net-udp-ping-v6 net-not-received net-compat-udp net-uring-udp-send"},
	{byAudit, "document", "the outcome of connects that nobody waits for, and whether a connect is a new one", "net-connect-nonblock net-connect-refused-nonblock net-connect-no-host-icmp net-connect-simultaneous"},
	{byAudit, "document", "where a connect to the unspecified address went", "net-connect-any net-connect-any-v6"},
	{byAudit, "document, sometimes", "connections by io_uring", "net-uring net-uring-fixed net-uring-fork net-uring-polled-fixed net-uring-silent net-uring-socket net-uring-udp-connect net-local-unix-uring net-uring-worker net-uring-cancelled net-uring-fast net-uring-linked net-uring-polled net-uring-refused net-uring-no-route net-uring-multishot net-uring-waiting net-listen-uring"},
	{byAudit, "document", "a link's name in place of what it leads to, and connects of AF_UNIX that are refused for what they are", "net-local-unix-relative net-local-unix-refused"},
	{byAudit, "document", "names that are relative to an open directory", "file-create-openat file-create-mkdirat file-create-symlinkat file-create-linkat file-rename-at file-rename-exchange file-delete-unlinkat"},
	{byAudit, "document", "paths of files behind descriptors", "file-attributes-fchmod file-attributes-fchown file-attributes-fsetxattr file-write-exec"},
	{byAudit, "document", "the mode that a file has after its attributes were set", "file-attributes-setxattr file-attributes-removexattr"},
	{byAudit, "document", "where symbolic links and .. in a path lead to, what lies above an unmounted directory, and the front of long paths",
		"file-path-relative file-path-symlink file-path-fsmount file-path-tree file-path-unmounted file-path-cut file-path-overlay"},
	{byAudit, "document, sometimes", "files by io_uring with relative names", "file-uring-linkat file-uring-openat file-uring-openat-worker file-uring-mkdirat file-uring-symlinkat file-uring-unlinkat file-uring-rmdir file-uring-renameat"},
}

// procconnLens: what is short has ended before it is looked at.
var procconnLens = lens{
	source:  "procconn",
	kinds:   "exec,fork,exit,already_running",
	actions: []string{"exec", "fork", "end", "already_running"},
	only:    "process.pid process.exit_code sensor.exit.signal",
	blind: []blind{
		{byProcconn, "document, sometimes", "what was at the time of a message: it is looked for afterwards", "leader-terminal"},
		{byProcconn, "document, sometimes", "the status of a process whose threads end at the same time", "exit-race-threads exit-last-thread"},
		{byProcconn, "document, sometimes", "that a process goes on of which a thread executes a program: its first thread's end may be taken for its own",
			"thread-exec thread-exec-orphan thread-exec-race"},
		{byProcconn, "document, sometimes", "processes whose pid is given away within the 10 ms of a tick", "pid-reuse-fast"},
		{byProcconn, "document", "the end of a process whose first thread had ended before the sensor began", "older-leader-gone"},
	},
}

const byProcconn = "source procconn"

// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sensor/internal/events"
)

// What a source cannot know is absent: not zero, not empty, not null.
func TestAbsentWhenUnknown(t *testing.T) {
	type change = func(ev *events.Event)
	process := func(f func(p *events.Process)) change { return func(ev *events.Event) { f(ev.Process) } }
	tests := map[string]struct {
		kind   events.Kind
		change change
		absent string // prefixes of paths
		stays  string // paths
	}{
		"process": {events.KindExec, func(ev *events.Event) { ev.Process = nil },
			"process. user. group. related. sensor.", "@timestamp event.id host.id"},
		"all of the process": {events.KindExec, func(ev *events.Event) { ev.Process, ev.Family = &events.Process{PID: 7}, events.Family{} },
			"process.entity_id process.name process.executable process.args process.command_line process.title process.interactive " +
				"process.start process.working_directory process.user. process.group. process.real_user. process.real_group. process.saved_user. process.saved_group. process.supplemental_groups. process.tty. " +
				"process.vpid process.thread. process.parent. process.entry_leader. process.session_leader. process.group_leader. process.previous. " +
				"process.env_vars process.Ext. user. group. related.user sensor.", "process.pid related.hosts"},
		"credentials": {events.KindExec, process(func(p *events.Process) { p.Credentials = events.Credentials{} }),
			"user. group. related.user process.user. process.group. process.real_user. process.real_group. process.saved_user. process.saved_group. " +
				"process.supplemental_groups. process.thread.capabilities. process.interactive sensor.login. sensor.supplemental_groups.",
			"process.parent.user.id process.tty.char_device.major"},
		"user names": {events.KindExec, process(func(p *events.Process) {
			c := &p.Credentials
			c.Real.Name, c.Effective.Name, c.Saved.Name, c.Groups = "", "", "", c.Groups[1:]
		}), "user.name user.effective.name user.Ext.real.name process.user.name process.real_user.name process.saved_user.name process.supplemental_groups.name related.user",
			"user.id user.effective.id user.Ext.real.id process.user.id process.saved_user.id process.supplemental_groups.id"},
		"supplemental groups": {events.KindExec, process(func(p *events.Process) { p.Credentials.Groups, p.Credentials.GroupsCut = nil, false }),
			"process.supplemental_groups. sensor.supplemental_groups.", "user.id"},
		"capabilities": {events.KindExec, process(func(p *events.Process) { p.Credentials.CapEffective, p.Credentials.CapPermitted = 0, 0 }),
			"process.thread.capabilities.", "process.thread.id"},
		"effective capabilities": {events.KindExec, process(func(p *events.Process) { p.Credentials.CapEffective = 0 }),
			"process.thread.capabilities.effective", "process.thread.capabilities.permitted"},
		"login": {events.KindExec, process(func(p *events.Process) {
			p.Credentials.LoginUID, p.Credentials.SessionID = events.Unset, events.Unset
		}), "sensor.login.", "user.id"},
		"audit session": {events.KindExec, process(func(p *events.Process) { p.Credentials.SessionID = events.Unset }),
			"sensor.login.session", "sensor.login.uid"},
		"arguments": {events.KindExec, process(func(p *events.Process) { p.Args = events.Args{} }),
			"process.args process.args_count process.command_line process.title process.Ext.", "process.name"},
		"arguments that could not be read": {events.KindExec, process(func(p *events.Process) { p.Args.Packed = "" }),
			"process.args process.command_line process.title", "process.args_count process.Ext.command_line_truncated"},
		"environment":    {events.KindExec, process(func(p *events.Process) { p.Env = events.Args{} }), "process.env_vars sensor.env_vars.", "process.args"},
		"terminal":       {events.KindExec, process(func(p *events.Process) { p.TTY = events.TTY{} }), "process.tty.", "process.interactive"},
		"start":          {events.KindExec, process(func(p *events.Process) { p.Start, p.EntityID = time.Time{}, "" }), "process.start process.entity_id", "process.pid"},
		"path marks":     {events.KindExec, process(func(p *events.Process) { p.Executable, p.WorkingDirectory = events.Path{Name: "/a"}, events.Path{} }), "sensor.executable. sensor.working_directory. process.working_directory", "process.executable"},
		"same filename":  {events.KindExec, process(func(p *events.Process) { p.Filename = p.Executable }), "sensor.exec.filename", "sensor.exec.script"},
		"no script":      {events.KindExec, process(func(p *events.Process) { p.Filename, p.Script = p.Executable, false }), "sensor.exec.", "process.executable"},
		"namespaces":     {events.KindExec, process(func(p *events.Process) { p.Namespaces = events.Namespaces{Net: 1} }), "sensor.namespaces.mnt sensor.namespaces.time", "sensor.namespaces.net"},
		"cgroup":         {events.KindExec, process(func(p *events.Process) { p.Cgroup = events.Cgroup{} }), "sensor.cgroup.", "sensor.namespaces.net"},
		"id of cgroup":   {events.KindExec, process(func(p *events.Process) { p.Cgroup.ID = 0 }), "sensor.cgroup.id", "sensor.cgroup.path"},
		"path of cgroup": {events.KindExec, process(func(p *events.Process) { p.Cgroup.Path = "" }), "sensor.cgroup.path", "sensor.cgroup.id"},
		"all else of the parent": {events.KindExec, func(ev *events.Event) { ev.Family.Parent = &events.Process{PID: 1, EntityID: "x"} },
			"process.parent.name process.parent.args process.parent.interactive process.parent.start process.parent.user.", "process.parent.pid process.parent.entity_id"},
		"entry meta":   {events.KindExec, func(ev *events.Event) { ev.Family.EntryLeader.EntryMeta = events.EntryMeta{} }, "process.entry_leader.entry_meta.", "process.entry_leader.pid"},
		"entry parent": {events.KindExec, func(ev *events.Event) { ev.Family.EntryParent = nil }, "process.entry_leader.parent.", "process.entry_leader.entry_meta.type"},
		"image before": {events.KindExec, func(ev *events.Event) { ev.Family.Previous.Executable.Name = "" }, "process.previous.", "process.executable"},
		"outcome":      {events.KindExec, func(ev *events.Event) { ev.Outcome = events.OutcomeUnknown }, "event.outcome", "event.action"},
		"signal":       {events.KindExit, func(ev *events.Event) { ev.End = &events.End{Status: 3 << 8} }, "sensor.exit.", "process.exit_code"},
		"core":         {events.KindExit, func(ev *events.Event) { ev.End = &events.End{Status: 9} }, "sensor.exit.core_dumped", "sensor.exit.signal"},
		"end":          {events.KindExit, func(ev *events.Event) { ev.End = nil }, "sensor.exit. process.end process.exit_code", "process.pid"},
		"attempt":      {events.KindExecFailed, func(ev *events.Event) { ev.Attempt = &events.Attempt{} }, "sensor.exec. error.", "process.pid"},
		"owner of a flow": {events.KindClose, func(ev *events.Event) { ev.Process, ev.Family = nil, events.Family{} },
			"process. user. group. related.user sensor.namespaces.", "source.ip related.ip related.hosts event.duration sensor.network.namespace"},
		"flow": {events.KindClose, func(ev *events.Event) { ev.Network = nil },
			"network. source. destination. related.ip event.start event.end event.duration error. sensor.network.", "process.pid related.hosts"},
		"all of the flow": {events.KindClose, func(ev *events.Event) { ev.Network = &events.Network{} },
			"network. source. destination. related.ip event.start event.duration error. sensor.network.", "event.end process.pid related.hosts"},
		"one address": {events.KindClose, func(ev *events.Event) { ev.Network.Source.Addr = netip.Addr{} },
			"source.address source.ip network.community_id", "source.port source.bytes destination.ip network.type related.ip"},
		"other address": {events.KindClose, func(ev *events.Event) { ev.Network.Destination.Addr = netip.Addr{} },
			"destination.address destination.ip network.community_id", "destination.port destination.bytes source.ip network.type related.ip"},
		"port": {events.KindConnect, func(ev *events.Event) { ev.Network.Source.Port = 0 },
			"source.port network.community_id", "source.ip destination.port"},
		"other port": {events.KindConnect, func(ev *events.Event) { ev.Network.Destination.Port = 0 },
			"destination.port network.community_id", "destination.ip source.port"},
		"bytes":           {events.KindClose, func(ev *events.Event) { ev.Network.HasBytes = false }, "network.bytes source.bytes destination.bytes", "source.port"},
		"start of flow":   {events.KindClose, func(ev *events.Event) { ev.Network.Started = time.Time{} }, "event.start event.duration", "event.end"},
		"start after end": {events.KindClose, func(ev *events.Event) { ev.Network.Started = ev.Time.Add(1) }, "event.duration", "event.start event.end"},
		"span of others": {events.KindConnect, func(ev *events.Event) { ev.Network.Started = ev.Time },
			"event.start event.end event.duration", "network.type"},
		"direction": {events.KindAccept, func(ev *events.Event) { ev.Network.Direction = events.DirectionUnknown }, "network.direction", "network.type"},
		"protocol":  {events.KindAccept, func(ev *events.Event) { ev.Network.Protocol = 0 }, "network.transport network.iana_number network.community_id", "network.type"},
		"ends of a local flow": {events.KindUnixAccept, func(ev *events.Event) {
			ev.Local.Source, ev.Local.Destination = events.LocalEndpoint{}, events.LocalEndpoint{}
		}, "source. destination. related.ip", "network.transport network.direction"},
		"path of vsock":     {events.KindVsockConnect, func(*events.Event) {}, "source.path destination.path related.ip", "source.port destination.port"},
		"all of the local":  {events.KindVsockConnect, func(ev *events.Event) { ev.Local = &events.Local{} }, "network. source. destination. error. sensor.network.", "process.pid"},
		"other end":         {events.KindBind, func(*events.Event) {}, "destination. network.direction network.community_id", "source.ip related.ip network.type"},
		"network namespace": {events.KindAccept, func(ev *events.Event) { ev.Network.Namespace = 0 }, "sensor.network.", "sensor.namespaces.net"},
		"two families": {events.KindAccept, func(ev *events.Event) { ev.Network.Source.Addr = netip.IPv4Unspecified() },
			"network.type network.community_id", "source.ip destination.ip"},
		"code of error": {events.KindConnect, func(ev *events.Event) { ev.Network.Code = "" }, "error.code", "error.message"},
		"error":         {events.KindConnect, func(ev *events.Event) { ev.Network.Code, ev.Network.Message = "", "" }, "error.", "event.outcome"},
		"doer of a file event": {events.KindFileDelete, func(ev *events.Event) { ev.Process, ev.Family = nil, events.Family{} },
			"process. user. group. related.user sensor.namespaces.", "file.path related.hosts"},
		"file":            {events.KindFileRename, func(ev *events.Event) { ev.File = nil }, "file. sensor.file.", "process.pid related.hosts"},
		"all of the file": {events.KindFileRename, func(ev *events.Event) { ev.File = &events.File{} }, "file. sensor.file.", "process.pid related.hosts"},
		"status of a file": {events.KindFileCreate, func(ev *events.Event) { ev.File.Known = false },
			"file.mode file.uid file.gid file.owner file.group file.size file.mtime file.ctime sensor.file.links", "file.path file.type file.inode file.device"},
		"status but for the mode": {events.KindFileCreate, func(ev *events.Event) { ev.File.Known, ev.File.HasMode = false, true },
			"file.size file.mtime file.ctime sensor.file.links", "file.mode file.uid file.gid file.owner file.group"},
		"inode":              {events.KindFileCreate, func(ev *events.Event) { ev.File.Inode = 0 }, "file.inode", "file.device file.mode"},
		"device":             {events.KindFileCreate, func(ev *events.Event) { ev.File.Major, ev.File.Minor = 0, 0 }, "file.device", "file.inode"},
		"type of a file":     {events.KindFileCreate, func(ev *events.Event) { ev.File.Type = 0 }, "file.type file.size", "file.extension file.mode"},
		"size of others":     {events.KindFileCreate, func(ev *events.Event) { ev.File.Type = events.FileTypeSymlink }, "file.size", "file.extension file.mode"},
		"names of the owner": {events.KindFileCreate, func(ev *events.Event) { ev.File.Owner.Name, ev.File.Group.Name = "", "" }, "file.owner file.group", "file.uid file.gid"},
		"times of a file": {events.KindFileCreate, func(ev *events.Event) { ev.File.Modified, ev.File.Changed = time.Time{}, time.Time{} },
			"file.mtime file.ctime", "file.mode"},
		"target":                   {events.KindFileCreate, func(ev *events.Event) { ev.File.Target = "" }, "file.target_path", "file.path"},
		"path of a file":           {events.KindFileCreate, func(ev *events.Event) { ev.File.Path = events.Path{} }, "file.path file.name file.extension file.directory sensor.file.cut sensor.file.detached sensor.file.deleted", "file.inode sensor.file.links"},
		"parts of the root":        {events.KindFileAttributes, func(ev *events.Event) { ev.File.Path = events.Path{Name: "/"} }, "file.name file.extension file.directory", "file.path"},
		"extension of a directory": {events.KindFileRename, func(ev *events.Event) { ev.File.Type = events.FileTypeDirectory }, "file.extension file.Ext.original.extension file.size", "file.name file.Ext.original.name"},
		"path before":              {events.KindFileRename, func(ev *events.Event) { ev.File.Original = events.Path{} }, "file.Ext. sensor.file.original.", "file.path"},
		"marks of the path before": {events.KindFileRename, func(ev *events.Event) { ev.File.Original = events.Path{Name: "/a"} },
			"sensor.file.original.", "file.Ext.original.path sensor.file.cut"},
		"marks of a rename": {events.KindFileRename, func(ev *events.Event) { ev.File.Exchanged, ev.File.Replaced = false, false },
			"sensor.file.exchanged sensor.file.replaced", "sensor.file.links"},
		"writes":          {events.KindFileWrite, func(ev *events.Event) { ev.File.Writes = events.Writes{Bytes: 1, Count: 1} }, "file.Ext.", "sensor.file.summary"},
		"bytes written":   {events.KindFileWrite, func(ev *events.Event) { ev.File.Writes.HasBytes = false }, "file.Ext.write.bytes", "file.Ext.write.count"},
		"count of writes": {events.KindFileWrite, func(ev *events.Event) { ev.File.Writes.HasCount = false }, "file.Ext.write.count", "file.Ext.write.bytes"},
		"first write":     {events.KindFileWrite, func(ev *events.Event) { ev.File.Summary = false }, "file.Ext. sensor.file.summary", "file.path"},
		"CPU of loss":     {events.KindEventsLost, func(ev *events.Event) { ev.Loss.CPU = -1 }, "sensor.loss.cpu", "sensor.loss.count"},
		"times of loss": {events.KindEventsLost, func(ev *events.Event) { ev.Loss = &events.Loss{Kind: events.KindFork} },
			"event.start event.end", "event.category"},
		"category of loss": {events.KindEventsLost, func(ev *events.Event) { ev.Loss.Kind = events.KindNone }, "event.category", "sensor.loss.kind"},
		"loss":             {events.KindEventsLost, func(ev *events.Event) { ev.Loss = nil }, "sensor. event.category event.start", "event.action"},
		"class of loss":    {events.KindEventsLost, func(ev *events.Event) { ev.Loss.Kind = events.KindNone }, "sensor.loss.class", "sensor.loss.stage"},
		"metrics":          {events.KindMetrics, func(ev *events.Event) { ev.Metrics, ev.Serving = nil, nil }, "sensor. event.start", "event.action"},
		"all of the metrics": {events.KindMetrics, func(ev *events.Event) { ev.Metrics, ev.Serving = &events.Metrics{}, &events.Serving{} },
			"event.start sensor.serving. sensor.not_served sensor.metrics.generated. sensor.metrics.synthesized. sensor.metrics.recovered. sensor.metrics.delivered. " +
				"sensor.metrics.filtered. sensor.metrics.aggregated. sensor.metrics.spooled. sensor.metrics.dropped. sensor.metrics.queue. sensor.metrics.spool. sensor.metrics.bulk. " +
				"sensor.metrics.process_table. sensor.metrics.process.", "sensor.metrics.lost"},
		"spooled events": {events.KindMetrics, func(ev *events.Event) { ev.Metrics.Spool.Oldest = time.Time{} }, "sensor.metrics.spool.age_ms", "sensor.metrics.spool.events"},
		"bulk requests": {events.KindMetrics, func(ev *events.Event) { ev.Metrics.Bulk = &events.BulkMetrics{} },
			"sensor.metrics.bulk.requests. sensor.metrics.bulk.latency.le_ms. sensor.metrics.bulk.last_success", "sensor.metrics.bulk.bytes sensor.metrics.bulk.latency.count"},
		"hashes":          {events.KindFileIntegrity, func(ev *events.Event) { ev.File.Hashes = nil }, "file.hash.", "file.path"},
		"online":          {events.KindFileIntegrity, func(ev *events.Event) { ev.File.Offline = false }, "sensor.file.offline", "file.path"},
		"doer of another": {events.KindFileIntegrity, func(*events.Event) {}, "process. user. group. related.user", "file.path related.hosts"},
		"account":         {events.KindAudit, func(ev *events.Event) { ev.Account = nil }, "source. service. user.target. group.Ext.target sensor.login.terminal", "user.Ext.real.id sensor.login.uid auditd.sequence"},
		"all of the account": {events.KindSession, func(ev *events.Event) { ev.Account, ev.Process, ev.Family = &events.Account{}, nil, events.Family{} },
			"user. group. source. service. sensor. related.user related.ip", "related.hosts event.action auditd.sequence"},
		"user of the process": {events.KindIAM, func(ev *events.Event) { ev.Account = &events.Account{} },
			"user. group. sensor.login.", "process.user.id related.user"},
		"ids of the account": {events.KindIAM, func(ev *events.Event) {
			ev.Account.User.HasID, ev.Account.Target.HasID, ev.Account.Group.HasID, ev.Account.Login.HasID = false, false, false, false
		}, "user.id user.target.id group.id sensor.login.uid", "user.name user.target.name group.name sensor.login.session"},
		"names of the account": {events.KindIAM, func(ev *events.Event) {
			ev.Account.User.Name, ev.Account.Effective.Name, ev.Account.Group.Name = "", "", ""
		}, "user.name user.effective.name group.name", "user.id user.effective.id user.target.name group.id"},
		"address": {events.KindAuthentication, func(ev *events.Event) { ev.Account.Address = netip.Addr{} }, "source.ip related.ip", "source.domain source.address"},
		"session": {events.KindAuthentication, func(ev *events.Event) { ev.Account.Session = 0 }, "sensor.login.session", "sensor.login.uid"},
		"records": {events.KindAudit, func(ev *events.Event) { ev.Audit = nil }, "auditd. tags", "event.action user.id"},
		"all of the records": {events.KindAudit, func(ev *events.Event) { ev.Audit = &events.Audit{Paths: [][]events.AuditField{nil}} },
			"auditd. tags", "event.action user.id"},
		"fields of the records": {events.KindAudit, func(ev *events.Event) {
			ev.Audit.Data, ev.Audit.Paths = []events.AuditField{{Name: "a.b", Value: "c"}, {Name: "", Value: "c"}, {Name: "socket", Value: "c"}}, nil
		}, "auditd.data.a.b auditd.paths.", "auditd.data.socket.family auditd.message_type"},
		"own words": {events.KindAudit, func(ev *events.Event) { ev.Words = &events.Words{} }, "event.category event.type event.action", "event.module"},
		"times":     {events.KindExec, func(ev *events.Event) { *ev = events.Event{Kind: ev.Kind} }, "@timestamp event.created", "event.id event.sequence"},
		"kind":      {events.KindCount, func(ev *events.Event) { *ev = events.Event{Kind: ev.Kind} }, "event.category event.type event.action", "event.id"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ev := full(test.kind)
			test.change(ev)
			paths := mustParse(t, NewEncoder(fullOptions()).Append(nil, ev)).paths()
			for _, prefix := range strings.Fields(test.absent) {
				if i := slices.IndexFunc(paths, func(path string) bool {
					return path == prefix || strings.HasSuffix(prefix, ".") && strings.HasPrefix(path, prefix)
				}); i >= 0 {
					t.Errorf("%s stands there", paths[i])
				}
			}
			for _, path := range strings.Fields(test.stays) {
				if !slices.Contains(paths, path) {
					t.Errorf("%s is absent", path)
				}
			}
		})
	}
}

// An encoder without any option still writes documents.
func TestAbsentHost(t *testing.T) {
	ev := full(events.KindExec)
	ev.Process.Credentials = events.Credentials{}
	paths := mustParse(t, NewEncoder(Options{}).Append(nil, ev)).paths()
	for _, path := range paths {
		if strings.HasPrefix(path, "host.") || strings.HasPrefix(path, "related.") {
			t.Errorf("%s stands there", path)
		}
	}
}

// The exit code of a signal is the one that a shell gives.
func TestExitCode(t *testing.T) {
	tests := map[string]struct {
		status             uint32
		code, signal, core string
	}{
		"success":               {0, "0", "", ""},
		"failure":               {1 << 8, "1", "", ""},
		"largest":               {255 << 8, "255", "", ""},
		"killed":                {9, "137", "9", ""},
		"core dumped":           {0x80 | 11, "139", "11", "true"},
		"last real-time signal": {64, "192", "64", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ev := full(events.KindExit)
			ev.End.Status = test.status
			d := mustParse(t, NewEncoder(fullOptions()).Append(nil, ev))
			for path, want := range map[string]string{
				"process.exit_code": test.code, "sensor.exit.signal": test.signal, "sensor.exit.core_dumped": test.core,
			} {
				if want == "" && d[path] == nil {
					continue
				}
				if got := d.one(t, path); got != want {
					t.Errorf("%s = %s, want %s", path, got, want)
				}
			}
		})
	}
}

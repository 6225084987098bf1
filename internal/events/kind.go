// SPDX-License-Identifier: Apache-2.0

package events

import "strconv"

// Kind is what an event is about. The names are those of the configuration.
type Kind uint8

// The kinds, in the order of enum kind in headers/record.h; those after the
// empty line are in no BPF record.
const (
	KindNone Kind = iota
	KindExec
	KindFork
	KindExit
	KindAlreadyRunning
	KindExecFailed
	KindConnect
	KindAccept
	KindClose
	KindBind
	KindListen
	KindUnixConnect
	KindUnixAccept
	KindVsockConnect
	KindVsockAccept
	KindFileCreate
	KindFileWrite
	KindFileRename
	KindFileDelete
	KindFileAttributes

	KindUIDChange
	KindGIDChange
	KindSessionIDChange
	KindAuthentication
	KindSession
	KindIAM
	KindConfiguration
	KindAudit
	KindFileIntegrity
	KindEventsLost
	KindServing
	KindMetrics
	KindCount // not a kind: how many there are
)

// Class says which ring a kind's records share, and so what it competes with.
type Class string

// Critical kinds are never crowded out by bulk ones.
const (
	ClassCritical Class = "critical"
	ClassBulk     Class = "bulk"
)

// Traits of a kind: its name, its ECS words, and whether it is on by default.
// Words that differ from event to event are empty; they are in [Event.Words].
type Traits struct {
	Name     string
	Category string // event.category
	Type     string // event.type
	Action   string // event.action
	Dataset  string // data_stream.dataset after the prefix
	Class    Class
	Default  bool
	Internal bool // about the sensor itself: always on, in no configuration
	// Companion: taken from a source that is open for the sake of another kind. Of itself it opens none unless it is required.
	Companion bool
}

var traits = [KindCount]Traits{
	KindNone:            {Name: "unknown"},
	KindExec:            {Name: "exec", Category: "process", Type: "start", Action: "exec", Dataset: "process", Class: ClassCritical, Default: true},
	KindFork:            {Name: "fork", Category: "process", Type: "start", Action: "fork", Dataset: "process", Class: ClassCritical, Default: true},
	KindExit:            {Name: "exit", Category: "process", Type: "end", Action: "end", Dataset: "process", Class: ClassCritical, Default: true},
	KindAlreadyRunning:  {Name: "already_running", Category: "process", Type: "info", Action: "already_running", Dataset: "process", Class: ClassCritical, Default: true},
	KindExecFailed:      {Name: "exec_failed", Category: "process", Type: "info", Action: "exec", Dataset: "process", Class: ClassCritical},
	KindConnect:         {Name: "connect", Category: "network", Type: "start", Action: "connection_attempted", Dataset: "network", Class: ClassBulk, Default: true},
	KindAccept:          {Name: "accept", Category: "network", Type: "start", Action: "connection_accepted", Dataset: "network", Class: ClassBulk, Default: true},
	KindClose:           {Name: "close", Category: "network", Type: "end", Action: "disconnect_received", Dataset: "network", Class: ClassBulk, Default: true},
	KindBind:            {Name: "bind", Category: "network", Type: "start", Action: "bound-socket", Dataset: "network", Class: ClassBulk},
	KindListen:          {Name: "listen", Category: "network", Type: "start", Action: "listen-for-connections", Dataset: "network", Class: ClassBulk},
	KindUnixConnect:     {Name: "unix_connect", Category: "network", Type: "start", Action: "connected-to", Dataset: "network", Class: ClassBulk},
	KindUnixAccept:      {Name: "unix_accept", Category: "network", Type: "start", Action: "accepted-connection-from", Dataset: "network", Class: ClassBulk},
	KindVsockConnect:    {Name: "vsock_connect", Category: "network", Type: "start", Action: "connected-to", Dataset: "network", Class: ClassBulk},
	KindVsockAccept:     {Name: "vsock_accept", Category: "network", Type: "start", Action: "accepted-connection-from", Dataset: "network", Class: ClassBulk},
	KindFileCreate:      {Name: "file_create", Category: "file", Type: "creation", Action: "creation", Dataset: "file", Class: ClassBulk, Default: true},
	KindFileWrite:       {Name: "file_write", Category: "file", Type: "change", Action: "modification", Dataset: "file", Class: ClassBulk, Default: true},
	KindFileRename:      {Name: "file_rename", Category: "file", Type: "change", Action: "rename", Dataset: "file", Class: ClassBulk, Default: true},
	KindFileDelete:      {Name: "file_delete", Category: "file", Type: "deletion", Action: "deletion", Dataset: "file", Class: ClassBulk, Default: true},
	KindFileAttributes:  {Name: "file_attributes", Category: "file", Type: "change", Action: "attributes_modified", Dataset: "file", Class: ClassBulk},
	KindUIDChange:       {Name: "uid_change", Category: "process", Type: "change", Action: "uid_change", Dataset: "process", Class: ClassCritical, Default: true, Companion: true},
	KindGIDChange:       {Name: "gid_change", Category: "process", Type: "change", Action: "gid_change", Dataset: "process", Class: ClassCritical, Default: true, Companion: true},
	KindSessionIDChange: {Name: "session_id_change", Category: "process", Type: "change", Action: "session_id_change", Dataset: "process", Class: ClassCritical, Default: true, Companion: true},
	KindAuthentication:  {Name: "authentication", Category: "authentication", Dataset: "audit", Class: ClassCritical, Default: true, Companion: true},
	KindSession:         {Name: "session", Category: "session", Dataset: "audit", Class: ClassCritical, Default: true, Companion: true},
	KindIAM:             {Name: "iam", Category: "iam", Dataset: "audit", Class: ClassCritical, Default: true, Companion: true},
	KindConfiguration:   {Name: "configuration", Category: "configuration", Dataset: "audit", Class: ClassCritical, Default: true, Companion: true},
	KindAudit:           {Name: "audit", Dataset: "audit", Class: ClassCritical, Default: true, Companion: true},
	KindFileIntegrity:   {Name: "file_integrity", Category: "file", Dataset: "file", Class: ClassBulk, Default: true, Companion: true},
	KindServing:         {Name: "serving", Type: "info", Action: "serving", Dataset: "health", Class: ClassCritical, Default: true, Internal: true},
	KindMetrics:         {Name: "metrics", Type: "info", Action: "metrics", Dataset: "health", Class: ClassCritical, Default: true, Internal: true},
	KindEventsLost:      {Name: "events_lost", Type: "info", Action: "events_lost", Dataset: "health", Class: ClassCritical, Default: true, Internal: true},
}

// Kinds lists every kind, in order.
func Kinds() []Kind {
	kinds := make([]Kind, 0, KindCount)
	for k := KindNone + 1; k < KindCount; k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

// Traits of the kind; zero for a number that is none.
func (k Kind) Traits() Traits {
	if k >= KindCount {
		return Traits{}
	}
	return traits[k]
}

func (k Kind) String() string {
	if name := k.Traits().Name; name != "" {
		return name
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// KindByName finds a kind by its configuration name; ok is false if there is none.
func KindByName(name string) (kind Kind, ok bool) {
	for _, k := range Kinds() {
		if k.Traits().Name == name {
			return k, true
		}
	}
	return KindNone, false
}

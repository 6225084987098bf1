// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"slices"
	"strings"
)

// A fieldID stands for the name of a field within one comparison.
type fieldID uint16

// Fields that the pairing knows.
const (
	fieldOther fieldID = iota // every field beyond maxNames
	fieldTime
	fieldCreated
	fieldDataset
	fieldStart
	fieldEnd
	fieldCategory
	fieldType
	fieldAction
	fieldOutcome
	fieldTransport
	fieldErrorCode
	fieldPID
	fieldEntity
	fieldThread
	fieldThreadName
	fieldProcessStart
	fieldExecutable
	fieldArgs
	fieldParent
	fieldFilename
	fieldAttemptArgs
	fieldSourceIP
	fieldSourcePort
	fieldSourceAddress
	fieldDestinationIP
	fieldDestinationPort
	fieldDestinationAddress
	fieldPath
	fieldOriginal
	fieldInode
	fieldDevice
	fieldMode
	fieldOwner
	fieldFileGroup
	fieldTruncated
	fieldSummary
	fieldSignal
	fieldUser
	fieldGroup
	fieldEntryType
	fieldLossKind
	fieldLossCount
	knownFields
)

var knownNames = [knownFields]string{
	"(other)", "@timestamp", "event.created", "event.dataset", "event.start", "event.end", "event.category", "event.type", "event.action", "event.outcome",
	"network.transport", "error.code", "process.pid", "process.entity_id", "process.thread.id", "process.thread.name", "process.start",
	"process.executable", "process.args", "process.parent.pid", "sensor.exec.filename", "sensor.exec.args",
	"source.ip", "source.port", "source.address", "destination.ip", "destination.port", "destination.address",
	"file.path", "file.Ext.original.path", "file.inode", "file.device", "file.mode", "file.uid", "file.gid", "process.Ext.command_line_truncated", "sensor.file.summary", "sensor.exit.signal", "user.id", "group.id",
	"process.entry_leader.entry_meta.type", "sensor.loss.kind", "sensor.loss.count",
}

// relatives are objects that stand alike in many documents. A document has each
// as a section of its own, which it shares with others.
var relatives = [...]string{"process.parent", "process.entry_leader", "process.session_leader", "process.group_leader"}

// maxNames bounds the names that are kept: a field's name may come from outside.
const maxNames = 8192

// names are the fields of a comparison.
type names struct {
	ids  map[string]fieldID
	list []nameOf
}

type nameOf struct {
	name    string
	section int         // 0: the document's own, else 1 + the index in relatives
	skipped bool        // neither compared nor kept
	rules   []FieldRule // that may say why the field differs
	tally   tally
}

func newNames() *names {
	n := &names{ids: map[string]fieldID{}}
	for _, name := range knownNames {
		n.id([]byte(name))
	}
	return n
}

// id is that of a name, which is new if need be.
func (n *names) id(name []byte) fieldID {
	if id, ok := n.ids[string(name)]; ok {
		return id
	}
	if len(n.list) >= maxNames {
		return fieldOther
	}
	added := nameOf{name: string(name)}
	for i, prefix := range relatives {
		if strings.HasPrefix(added.name, prefix+".") {
			added.section = i + 1
		}
	}
	added.skipped = added.name == knownNames[fieldOther] || slices.ContainsFunc(uncompared, func(u Uncompared) bool { return covers(u.Fields, added.name) })
	for _, rule := range fieldRules {
		if covers(rule.Fields, added.name) {
			added.rules = append(added.rules, rule)
		}
	}
	id := fieldID(len(n.list))
	n.ids[added.name] = id
	n.list = append(n.list, added)
	return id
}

// covers reports whether one of the patterns is the name, begins it (file.*) or ends it (*.start).
func covers(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
			return strings.HasPrefix(name, prefix)
		}
		if suffix, ok := strings.CutPrefix(pattern, "*"); ok {
			return strings.HasSuffix(name, suffix)
		}
		return name == pattern
	})
}

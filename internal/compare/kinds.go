// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"hash/maphash"
	"strings"
	"time"

	"sensor/internal/events"
)

// A pairing says by what two events of a kind are known to be one, beside the
// process and the time.
type pairing struct {
	content  []fieldID     // the same in both; if it is not, the two are paired only when nothing better has come
	patience time.Duration // how much later than others such an event may be told
}

// attempt is how long the kernel tries to connect before a source that waits for the outcome tells it.
const attempt = 130 * time.Second

var pairings = [events.KindCount]pairing{
	events.KindExec:           {content: []fieldID{fieldExecutable, fieldArgs}},
	events.KindFork:           {content: []fieldID{fieldParent}},
	events.KindExecFailed:     {content: []fieldID{fieldFilename, fieldAttemptArgs}},
	events.KindConnect:        {content: []fieldID{fieldDestinationIP, fieldDestinationPort}, patience: attempt},
	events.KindAccept:         {content: []fieldID{fieldSourceIP, fieldSourcePort}},
	events.KindClose:          {content: []fieldID{fieldSourceIP, fieldSourcePort, fieldDestinationIP, fieldDestinationPort}},
	events.KindBind:           {content: []fieldID{fieldSourceIP, fieldSourcePort}},
	events.KindListen:         {content: []fieldID{fieldSourceIP, fieldSourcePort}},
	events.KindUnixConnect:    {content: []fieldID{fieldDestinationAddress}},
	events.KindUnixAccept:     {content: []fieldID{fieldDestinationAddress}},
	events.KindVsockConnect:   {content: []fieldID{fieldDestinationAddress, fieldDestinationPort}},
	events.KindVsockAccept:    {content: []fieldID{fieldSourceAddress, fieldSourcePort}},
	events.KindFileCreate:     {content: []fieldID{fieldPath}},
	events.KindFileWrite:      {content: []fieldID{fieldPath}},
	events.KindFileRename:     {content: []fieldID{fieldPath, fieldOriginal}},
	events.KindFileDelete:     {content: []fieldID{fieldPath}},
	events.KindFileAttributes: {content: []fieldID{fieldPath}},
	events.KindFileIntegrity:  {content: []fieldID{fieldPath, fieldAction}},
	events.KindUIDChange:      {content: []fieldID{fieldUser}},
	events.KindGIDChange:      {content: []fieldID{fieldGroup}},
	events.KindAuthentication: {content: []fieldID{fieldAction, fieldUser}},
	events.KindSession:        {content: []fieldID{fieldAction, fieldUser}},
	events.KindIAM:            {content: []fieldID{fieldAction}},
	events.KindConfiguration:  {content: []fieldID{fieldAction}},
	events.KindAudit:          {content: []fieldID{fieldAction}},
}

// apart are fields that keep two events from being paired at once if both have
// them and they differ.
var apart = [...]fieldID{fieldThread, fieldSourcePort, fieldDestinationPort, fieldMode, fieldOwner, fieldFileGroup}

// keys of an event: who, and who with what. The process is known by its pid
// here, because a source may know nothing else.
func (c *Comparison) keys(kind events.Kind, d *document) (loose, exact uint64) {
	var h maphash.Hash
	h.SetSeed(c.seed)
	h.WriteByte(byte(kind))
	h.Write(d.get(c.names, fieldPID))
	loose = h.Sum64()
	for _, id := range pairings[kind].content {
		h.WriteByte(0)
		h.Write(d.get(c.names, id))
	}
	return loose, h.Sum64()
}

// processKey is that of the process, as far as its pid tells it.
func (c *Comparison) processKey(d *document) uint64 {
	return maphash.Bytes(c.seed, d.get(c.names, fieldPID))
}

// placeKey is that of the file, whoever did it.
func (c *Comparison) placeKey(d *document) uint64 {
	return maphash.Bytes(c.seed, d.get(c.names, fieldPath))
}

// kindsByWords finds a kind by its ECS words.
func kindsByWords() map[string]events.Kind {
	kinds := map[string]events.Kind{}
	for _, kind := range events.Kinds() {
		t := kind.Traits()
		words := wordsOf(list(t.Category), list(t.Type), quoted(t.Action))
		switch kind {
		case events.KindUnixConnect, events.KindUnixAccept, events.KindVsockConnect, events.KindVsockAccept:
			words += kind.String()[:strings.IndexByte(kind.String(), '_')]
		case events.KindEventsLost:
			words = quoted(t.Action) // its category is that of the lost kind
		}
		kinds[words] = kind
	}
	return kinds
}

func wordsOf(category, kind, action string) string { return category + kind + action }

func quoted(word string) string {
	if word == "" {
		return ""
	}
	return `"` + word + `"`
}

func list(word string) string {
	if word == "" {
		return ""
	}
	return `["` + word + `"]`
}

// kindOf tells an event's kind by its words. An event whose kind does not fix
// them is known by its data set and its category.
func (d *decoder) kindOf(doc *document) (events.Kind, error) {
	category, kind, action := string(doc.get(d.names, fieldCategory)), string(doc.get(d.names, fieldType)), string(doc.get(d.names, fieldAction))
	if doc.audit {
		for _, found := range [...]events.Kind{events.KindIAM, events.KindAuthentication, events.KindSession, events.KindConfiguration} {
			if strings.Contains(category, quoted(found.Traits().Category)) {
				return found, nil
			}
		}
		return events.KindAudit, nil
	}
	words := wordsOf(category, kind, action)
	for _, w := range [...]string{words + text(doc.get(d.names, fieldTransport)), words, action, category} {
		if found, ok := d.kinds[w]; ok && w != "" {
			return found, nil
		}
	}
	return events.KindNone, fmt.Errorf("no kind has the category %.64s, the type %.64s and the action %.64s", category, kind, action)
}

// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// enrichment is the byte behind which auditd, with log_format = ENRICHED, writes
// in words what the numbers before it mean on its host.
const enrichment = '\x1d'

// body is the text of a record behind its time stamp, and what auditd has added.
// auparse would make a map of it, which costs more than all the rest.
func body(r *auparse.AuditMessage) (text, added string) {
	text = r.RawData
	if i := strings.Index(text, "): "); i >= 0 && strings.HasPrefix(text, "audit(") {
		text = text[i+3:]
	}
	return CutEnrichment(text)
}

// CutEnrichment divides a record into what was recorded and what auditd has
// added. A program may write that byte itself into what it says, where it is
// part of the message, behind which the kernel puts a quote.
func CutEnrichment(text string) (recorded, added string) {
	i := strings.IndexByte(text, enrichment)
	if i >= 0 && strings.Contains(text[:i], "msg='") {
		const end = "'" + string(enrichment)
		if strings.HasSuffix(text, "'") {
			return text, ""
		}
		if last := strings.LastIndex(text, end); last >= 0 {
			i = last + len("'")
		}
	}
	if i < 0 {
		return text, ""
	}
	return text[:i], text[i+1:]
}

// cutField takes the first name=value from a text, the value as it stands there.
// Words without = are skipped, such as the (enforce) behind an AppArmor label.
func cutField(text string) (name, value, rest string, ok bool) {
	begin := 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == ' ':
			begin = i + 1
		case text[i] == '=' && i > begin:
			name, text = text[begin:i], text[i+1:]
			end := valueEnd(text)
			return name, text[:end], text[end:], true
		}
	}
	return "", "", "", false
}

// valueEnd is where the value ends that the text begins with.
func valueEnd(text string) int {
	if strings.HasPrefix(text, `"`) {
		if end := strings.IndexByte(text[1:], '"'); end >= 0 {
			return end + 2
		}
	} else if end := strings.IndexByte(text, ' '); end >= 0 {
		return end
	}
	return len(text)
}

// untrusted decodes a value that comes from user space: the kernel writes it in
// quotes, or in hexadecimal digits if it has a space, a quote, a control or a
// character beyond ASCII. ok is false if there is none.
func untrusted(value string) (text string, ok bool) {
	switch {
	case value == "" || value == "(null)" || value == "(none)":
		return "", false
	case value[0] == '"':
		return strings.TrimSuffix(value[1:], `"`), true
	case len(value)%2 == 0 && value == strings.ToUpper(value):
		if b, err := hex.DecodeString(value); err == nil {
			return string(b), true
		}
	}
	return value, true
}

// errGarbled is why a field has no meaning.
var errGarbled = errors.New("makes no sense")

// garbled is the error of a field that has no meaning.
func garbled(record auparse.AuditMessageType, field, value string) error {
	const shown = 64 // of what may be as long as a record
	return fmt.Errorf("decode %v record: field %s: %.*q %w", record, field, shown, value, errGarbled)
}

// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"sensor/internal/events"
)

// A document is an event as its fields.
type document struct {
	kind      events.Kind
	at        int64 // @timestamp in ns since 1970
	created   int64 // event.created likewise; 0 if it has none
	audit     bool  // its data set is that of audit records
	own       section
	relatives [len(relatives)]*section // nil where there is none
	size      int                      // bytes that it keeps, roughly; a shared section counts where it was met first
}

// A section is a list of fields in the order of their ids. It does not change.
type section struct {
	fields []field
	text   []byte
}

type field struct {
	id       fieldID
	from, to uint32 // of the value in text, as JSON
}

func (s *section) value(f field) []byte { return s.text[f.from:f.to] }

// get is the field's value as JSON; nil if it is absent.
func (d *document) get(n *names, id fieldID) []byte {
	s := &d.own
	if i := n.list[id].section; i > 0 {
		s = d.relatives[i-1]
	}
	if s == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(s.fields, id, func(f field, id fieldID) int { return cmp.Compare(f.id, id) })
	if !ok {
		return nil
	}
	return s.value(s.fields[i])
}

// all gives every field that is kept.
func (d *document) all() iter.Seq2[fieldID, []byte] {
	return func(yield func(fieldID, []byte) bool) {
		for _, s := range append([]*section{&d.own}, d.relatives[:]...) {
			if s == nil {
				continue
			}
			for _, f := range s.fields {
				if !yield(f.id, s.value(f)) {
					return
				}
			}
		}
	}
}

// Sizes that are counted beside a document's text.
const (
	documentSize = 400 // with its place among those that wait
	fieldSize    = 12
)

// maxSections bounds how many relatives are remembered to be shared.
const maxSections = 4096

// maxDepth bounds how deep objects may lie in each other.
const maxDepth = 32

// A decoder reads documents. It is for one goroutine.
type decoder struct {
	names  *names
	kinds  map[string]events.Kind
	shared map[string]*section // by place and JSON
	path   []byte              // of the object that is read
	own    section             // of the document that is read

	skipped []string // objects of which nothing is compared
	key     []byte
}

func newDecoder(n *names) *decoder {
	d := &decoder{names: n, kinds: kindsByWords(), shared: map[string]*section{}}
	for _, u := range uncompared {
		for _, pattern := range u.Fields {
			if object, ok := strings.CutSuffix(pattern, ".*"); ok {
				d.skipped = append(d.skipped, object)
			}
		}
	}
	return d
}

// decode reads one document. It keeps nothing of line.
func (d *decoder) decode(line []byte) (*document, error) {
	if int64(len(line)) > 1<<30 {
		return nil, errors.New("the document is too long")
	}
	doc := &document{size: documentSize}
	reader := jsontext.NewDecoder(bytes.NewBuffer(line), jsontext.AllowDuplicateNames(true))
	d.path = d.path[:0]
	d.own = section{d.own.fields[:0], d.own.text[:0]}
	if err := d.object(reader, doc, &d.own, 0); err != nil {
		return nil, err
	}
	doc.own = d.own.finish()
	doc.size += cap(doc.own.text) + fieldSize*cap(doc.own.fields)
	if doc.at == 0 {
		return nil, errors.New("it has no @timestamp")
	}
	var err error
	doc.kind, err = d.kindOf(doc)
	return doc, err
}

// object reads the fields of an object into a section.
func (d *decoder) object(r *jsontext.Decoder, doc *document, s *section, depth int) error {
	if r.PeekKind() != '{' || depth > maxDepth {
		_, err := r.ReadToken()
		return errors.Join(errors.New("it is no object of fields"), err)
	}
	if _, err := r.ReadToken(); err != nil {
		return err
	}
	base := len(d.path)
	for r.PeekKind() != '}' {
		name, err := r.ReadValue()
		if err != nil {
			return err
		}
		if base > 0 {
			d.path = append(d.path, '.')
		}
		if d.path, err = jsontext.AppendUnquote(d.path, name); err != nil {
			return err
		}
		if err := d.member(r, doc, s, depth); err != nil {
			return err
		}
		d.path = d.path[:base]
	}
	_, err := r.ReadToken()
	return err
}

// member reads what stands at the path.
func (d *decoder) member(r *jsontext.Decoder, doc *document, s *section, depth int) error {
	if r.PeekKind() != '{' {
		value, err := r.ReadValue()
		if err != nil {
			return err
		}
		return d.put(doc, s, value)
	}
	if depth == 0 && slices.Contains(d.skipped, string(d.path)) {
		return r.SkipValue()
	}
	if i := slices.Index(relatives[:], string(d.path)); i >= 0 && s == &d.own {
		raw, err := r.ReadValue()
		if err != nil {
			return err
		}
		doc.relatives[i], err = d.relative(doc, byte(i), raw)
		return err
	}
	return d.object(r, doc, s, depth+1)
}

// relative reads the object at the path, or finds one that was read before.
func (d *decoder) relative(doc *document, place byte, raw []byte) (*section, error) {
	d.key = append(append(d.key[:0], place), raw...)
	if s := d.shared[string(d.key)]; s != nil {
		return s, nil
	}
	key := string(d.key)
	var read section
	if err := d.object(jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true)), doc, &read, 1); err != nil {
		return nil, err
	}
	finished := read.finish()
	s := &finished
	if len(d.shared) >= maxSections {
		clear(d.shared)
	}
	d.shared[key] = s
	doc.size += len(key) + cap(s.text) + fieldSize*cap(s.fields)
	return s, nil
}

// put takes a value in. Escapes and blanks are made alike, so that equal values are equal bytes.
func (d *decoder) put(doc *document, s *section, value jsontext.Value) error {
	id := d.names.id(d.path)
	var err error
	switch id {
	case fieldTime:
		doc.at, err = parseTime(value)
	case fieldCreated:
		doc.created, err = parseTime(value)
	case fieldDataset:
		doc.audit = bytes.HasSuffix(value, []byte(`.audit"`))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", d.path, err)
	}
	if d.names.list[id].skipped {
		return nil
	}
	from := uint32(len(s.text))
	switch {
	case value[0] == '"' && bytes.IndexByte(value, '\\') >= 0:
		text, err := jsontext.AppendUnquote(nil, value)
		if err != nil {
			return err
		}
		if s.text, err = jsontext.AppendQuote(s.text, text); err != nil {
			return err
		}
	case value[0] == '[' && bytes.ContainsAny(value, " \t\r\n"):
		value = value.Clone()
		if err := value.Compact(); err != nil {
			return err
		}
		s.text = append(s.text, value...)
	default:
		s.text = append(s.text, value...)
	}
	s.fields = append(s.fields, field{id, from, uint32(len(s.text))})
	return nil
}

// finish gives a copy with the fields in order. Of one that comes twice the last stays.
func (s *section) finish() section {
	slices.SortStableFunc(s.fields, func(a, b field) int { return cmp.Compare(a.id, b.id) })
	kept := s.fields[:0]
	for i, f := range s.fields {
		if i+1 == len(s.fields) || s.fields[i+1].id != f.id {
			kept = append(kept, f)
		}
	}
	return section{slices.Clone(kept), bytes.Clone(s.text)}
}

func parseTime(value []byte) (int64, error) {
	t, err := time.Parse(time.RFC3339Nano, string(bytes.Trim(value, `"`)))
	if err != nil {
		return 0, err
	}
	if t.Year() < 1971 || t.Year() > 2200 {
		return 0, errors.New("no time of this age")
	}
	return t.UnixNano(), nil
}

// text is the string that a JSON value stands for, or else the value itself.
func text(value []byte) string {
	if len(value) > 0 && value[0] == '"' {
		if s, err := jsontext.AppendUnquote(nil, value); err == nil {
			return string(s)
		}
	}
	return string(value)
}

func number(value []byte) uint64 {
	n, _ := strconv.ParseUint(text(value), 10, 64) // 0 for what is none
	return n
}

// sample is the document as an object of dotted names, in their order; values
// that are too long for a report are cut.
func (d *document) sample(n *names) json.RawMessage {
	values := map[string][]byte{}
	for id, value := range d.all() {
		values[n.list[id].name] = cut(value)
	}
	b := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b, _ = jsontext.AppendQuote(b, name) // what is not UTF-8 is replaced
		b = append(append(b, ':'), values[name]...)
	}
	return append(b, '}')
}

// maxSample bounds the bytes of one value in a report.
const maxSample = 1024

// cut gives a value that may stand in a report: a longer one becomes a string that says so.
func cut(value []byte) json.RawMessage {
	if len(value) <= maxSample {
		return slices.Clone(value)
	}
	b, _ := jsontext.AppendQuote(nil, string(value[:maxSample])+"…") // what is not UTF-8 is replaced
	return json.RawMessage(b)
}

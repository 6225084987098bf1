// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decoder writes a YAML tree into a Config. A value that it cannot take is reported and left at its default.
type decoder struct {
	at     map[string]position // of the value of every key that the document sets
	spoilt map[string]bool     // keys whose value, or a part of it, was not taken
	faults []*Error
}

type position struct{ line, column int }

func (d *decoder) report(key string, at position, reason string) {
	d.faults = append(d.faults, &Error{Line: at.line, Column: at.column, Key: key, Reason: reason})
	d.spoil(key)
}

func (d *decoder) spoil(key string) {
	for ; key != ""; key = parent(key) {
		d.spoilt[key] = true
	}
}

// locate returns where the value of key stands, or that of the nearest key above it.
func (d *decoder) locate(key string) position {
	at, ok := d.at[key]
	for ; !ok && key != ""; at, ok = d.at[key] {
		key = parent(key)
	}
	return at
}

func parent(key string) string { return key[:max(0, strings.LastIndexAny(key, ".["))] }

// value writes node, the value of key, into v.
func (d *decoder) value(key string, node ast.Node, v reflect.Value) {
	d.at[key] = positionOf(node)
	if isRefused(node) {
		d.spoil(key)
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *map[string]Kind:
		d.kinds(key, node, *p)
	case *[]string:
		d.list(key, node, p)
	default:
		if v.Kind() == reflect.Struct {
			d.section(key, node, v)
		} else if err := decodeScalar(node, p); err != nil {
			d.report(key, d.at[key], err.Error())
		}
	}
}

// section writes a mapping into the fields of a struct.
func (d *decoder) section(key string, node ast.Node, v reflect.Value) {
	fields := make(map[string]reflect.Value, v.NumField())
	for i := range v.NumField() {
		fields[v.Type().Field(i).Tag.Get("yaml")] = v.Field(i)
	}
	for _, entry := range d.entries(key, node, "key", slices.Sorted(maps.Keys(fields))) {
		name := nameOf(entry)
		d.value(child(key, name), entry.Value, fields[name])
	}
}

// kinds writes a mapping over the known kinds.
func (d *decoder) kinds(key string, node ast.Node, kinds map[string]Kind) {
	for _, entry := range d.entries(key, node, "kind", slices.Sorted(maps.Keys(kinds))) {
		name := nameOf(entry)
		kind := kinds[name]
		d.value(child(key, name), entry.Value, reflect.ValueOf(&kind).Elem())
		kinds[name] = kind
	}
}

// entries returns the entries of a mapping that have a known key, and reports the others. noun is what a key names.
func (d *decoder) entries(key string, node ast.Node, noun string, known []string) []*ast.MappingValueNode {
	if _, ok := node.(*ast.NullNode); ok {
		return nil // a section whose keys are all commented out
	}
	mapping, ok := node.(*ast.MappingNode)
	if !ok {
		d.report(key, positionOf(node), describe(node)+" is not a mapping")
		return nil
	}
	var entries []*ast.MappingValueNode
	lines := make(map[string]int) // of the keys seen
	for _, entry := range mapping.Values {
		if isRefused(entry.Key) {
			continue
		}
		name, at := nameOf(entry), positionOf(entry.Key)
		if first, seen := lines[name]; seen {
			d.report(key, at, fmt.Sprintf("duplicate key %s (first in line %d)", quote(name), first))
			continue
		}
		lines[name] = at.line
		if slices.Contains(known, name) {
			entries = append(entries, entry)
		} else {
			d.report(key, at, unknown(noun, name, known))
		}
	}
	return entries
}

// list replaces a list of text.
func (d *decoder) list(key string, node ast.Node, out *[]string) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		d.report(key, positionOf(node), describe(node)+" is not a list (want e.g. [a, b])")
		return
	}
	texts := make([]string, len(sequence.Values))
	for i, element := range sequence.Values {
		d.value(fmt.Sprintf("%s[%d]", key, i), element, reflect.ValueOf(&texts[i]).Elem())
	}
	*out = texts
}

func nameOf(entry *ast.MappingValueNode) string { return entry.Key.GetToken().Value }

// isRefused tells nodes that refused has reported.
func isRefused(node ast.Node) bool {
	switch node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.LiteralNode, *ast.MappingKeyNode, *ast.MergeKeyNode:
		return true
	}
	return false
}

// positionOf returns where node begins; the library has a block mapping begin at its first colon.
func positionOf(node ast.Node) position {
	if m, ok := node.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		node = m.Values[0].Key
	}
	at := node.GetToken().Position
	return position{at.Line, at.Column}
}

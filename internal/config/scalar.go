// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decodeScalar writes a single value into p, which points to a type of the fields of Config. The error is the reason
// of a fault.
func decodeScalar(node ast.Node, p any) error {
	text, err := scalarText(node)
	if err != nil {
		return err
	}
	switch p := p.(type) {
	case *bool:
		return decodeBool(node, p)
	case *int:
		return decodeInt(node, p)
	case *string:
		if _, ok := node.(*ast.StringNode); !ok {
			return fmt.Errorf("%s is not text (put it in quotes)", describe(node))
		}
		*p = text
		return nil
	case *time.Duration:
		return decodeDuration(text, p)
	case encoding.TextUnmarshaler:
		return p.UnmarshalText([]byte(text))
	}
	return fmt.Errorf("no decoder for %T", p)
}

// scalarText returns a single value as it is written, without its quotes.
func scalarText(node ast.Node) (string, error) {
	switch node.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
	case *ast.NullNode:
		return "", errors.New("no value (leave the key out for its default)")
	case *ast.MappingNode:
		return "", errors.New("a mapping is not a single value (text with a colon needs quotes within braces or brackets)")
	default:
		return "", errors.New(describe(node) + " is not a single value")
	}
	text := node.GetToken().Value
	if node.GetToken().Type == token.StringType && strings.Contains(text+" ", ": ") { // the library lets it pass
		return "", fmt.Errorf("%s holds a colon and no quotes (is a comma or a line break missing?)", quote(text))
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return "", fmt.Errorf("%s holds a control character", quote(text))
	}
	return text, nil
}

func decodeBool(node ast.Node, p *bool) error {
	b, ok := node.(*ast.BoolNode)
	if !ok {
		return errors.New(describe(node) + " is not true or false")
	}
	*p = b.Value
	return nil
}

func decodeInt(node ast.Node, p *int) error {
	text := node.GetToken().Value
	n, err := strconv.Atoi(text)
	if _, ok := node.(*ast.IntegerNode); !ok || err != nil || strconv.Itoa(n) != text { // nor 0x10, 010, 1_000
		return errors.New(describe(node) + " is not a whole number")
	}
	*p = n
	return nil
}

// decodeDuration reads what [time.ParseDuration] does, and whole days: 7d.
func decodeDuration(text string, p *time.Duration) error {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil { // no more than time.Duration can hold
			*p = time.Duration(n) * 24 * time.Hour
			return nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%s is not a duration (want e.g. 5s)", quote(text))
	}
	*p = d
	return nil
}

// describe names a value in a reason: text in quotes, numbers and the like as they are.
func describe(node ast.Node) string {
	switch node.(type) {
	case *ast.MappingNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "an empty value"
	case *ast.StringNode:
		return quote(node.GetToken().Value)
	}
	return clip(node.GetToken().Value)
}

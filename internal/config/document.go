// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The YAML library takes quadratic time over some texts (long lines, runs of empty lines, many keys) and recurses as
// deep as the text nests. These limits keep the worst file at about a second; no file written by people comes near.
const (
	maxBytes  = 1 << 20 // of a file
	maxLine   = 4096    // bytes
	maxBlank  = 100     // empty lines in a row
	maxTokens = 20_000  // keys, values, brackets and commas
	maxDepth  = 32      // mappings and lists in each other
)

// document parses the text of a file. The node is nil if the document is empty or cannot be read.
func document(data []byte) (ast.Node, []*Error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // some editors' byte order mark
	if fault := checkText(data); fault != nil {
		return nil, []*Error{fault}
	}
	tokens := lexer.Tokenize(string(data))
	if fault := checkShape(tokens); fault != nil {
		return nil, []*Error{fault}
	}
	faults := refused(tokens)
	// Duplicate keys are the decoder's to report: the parser would stop at the first.
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, append(faults, syntaxFault(err))
	}
	return file.Docs[0].Body, faults
}

// checkText finds text that should not reach the lexer.
func checkText(data []byte) *Error {
	if len(data) > maxBytes {
		return &Error{Reason: fmt.Sprintf("the file is larger than %v", Size(maxBytes))}
	}
	n, blank := 0, 0
	for line := range bytes.Lines(data) {
		n++
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if blank++; len(bytes.TrimSpace(line)) > 0 {
			blank = 0
		}
		switch {
		case len(line) > maxLine:
			return &Error{Line: n, Column: 1, Reason: fmt.Sprintf("the line is longer than %d bytes", maxLine)}
		case blank > maxBlank:
			return &Error{Line: n, Column: 1, Reason: fmt.Sprintf("more than %d empty lines in a row", maxBlank)}
		case !utf8.Valid(line):
			return &Error{Line: n, Column: 1, Reason: "the line is not UTF-8"}
		case bytes.ContainsFunc(line, isForbidden):
			return &Error{Line: n, Column: 1, Reason: "the line holds a control character"}
		}
	}
	return nil
}

func isForbidden(r rune) bool { return unicode.IsControl(r) && r != '\t' }

// checkShape finds documents that should not reach the parser.
func checkShape(tokens token.Tokens) *Error {
	count, flow := 0, 0
	var block []int // columns of the block mappings and lists around the token
	for i, t := range tokens {
		switch t.Type {
		case token.CommentType:
			continue
		case token.DirectiveType:
			return fault(t, "directives are not supported (text that begins with % needs quotes)")
		case token.DocumentEndType:
			return fault(t, "the end marker ... is not supported")
		case token.DocumentHeaderType:
			if count > 0 {
				return fault(t, "a second document begins (a file holds one)")
			}
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow = max(0, flow-1)
		case token.SequenceEntryType, token.MappingValueType:
			column := t.Position.Column
			if t.Type == token.MappingValueType && i > 0 {
				column = tokens[i-1].Position.Column // its key
			}
			if flow > 0 {
				break
			}
			for len(block) > 0 && block[len(block)-1] >= column {
				block = block[:len(block)-1]
			}
			block = append(block, column)
		}
		if count++; count > maxTokens {
			return fault(t, fmt.Sprintf("the file has more than %d keys, values and brackets", maxTokens))
		}
		if flow+len(block) > maxDepth {
			return fault(t, fmt.Sprintf("nested deeper than %d levels", maxDepth))
		}
	}
	return nil
}

// refused reports what YAML has and a configuration does not use.
func refused(tokens token.Tokens) []*Error {
	var faults []*Error
	for _, t := range tokens {
		switch t.Type {
		case token.AnchorType:
			faults = append(faults, fault(t, "anchors are not supported (text that begins with & needs quotes)"))
		case token.AliasType:
			faults = append(faults, fault(t, "aliases are not supported (text that begins with * needs quotes)"))
		case token.TagType:
			faults = append(faults, fault(t, "tags are not supported (text that begins with ! needs quotes)"))
		case token.MergeKeyType:
			faults = append(faults, fault(t, "merge keys are not supported"))
		case token.MappingKeyType:
			faults = append(faults, fault(t, "keys marked with ? are not supported"))
		case token.LiteralType, token.FoldedType:
			faults = append(faults, fault(t, "block text is not supported (text that begins with | or > needs quotes)"))
		}
	}
	return faults
}

func fault(t *token.Token, reason string) *Error {
	return &Error{Line: t.Position.Line, Column: t.Position.Column, Reason: reason}
}

// syntaxFault translates an error of the parser.
func syntaxFault(err error) *Error {
	var syntax interface {
		error
		GetToken() *token.Token
		GetMessage() string
	}
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		return &Error{Reason: "not YAML: " + err.Error()}
	}
	return fault(syntax.GetToken(), "not YAML: "+strings.ReplaceAll(syntax.GetMessage(), "\t", `\t`))
}

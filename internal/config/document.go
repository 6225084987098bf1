// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
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
	maxLine   = 2048    // bytes
	maxBlank  = 100     // empty lines in a row
	maxTokens = 20_000  // keys, values, brackets and commas
	maxDepth  = 32      // mappings and lists in each other
)

// document parses the text of a file. The node is nil if the document is empty or cannot be read.
func document(data []byte) (ast.Node, []*Error) {
	if len(data) > maxBytes {
		return nil, []*Error{{Reason: fmt.Sprintf("the file is larger than %v", Size(maxBytes))}}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))             // some editors' byte order mark
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")) // which the lexer counts as two lines in quotes
	if faults := checkText(data); len(faults) > 0 {
		return nil, faults
	}
	tokens := lexer.Tokenize(string(data) + "\n") // or the lexer drops a tag at the end
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

// checkText finds lines that should not reach the lexer. Of a tab it loses the column, and in quotes even the
// character that follows them.
func checkText(data []byte) []*Error {
	var faults []*Error
	n, blank := 0, 0
	for line := range bytes.Lines(data) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		n++
		if blank++; len(bytes.TrimSpace(line)) > 0 {
			blank = 0
		}
		report := func(at int, reason string) {
			faults = append(faults, &Error{Line: n, Column: utf8.RuneCount(line[:at]) + 1, Reason: reason})
		}
		switch odd := bytes.IndexFunc(line, unicode.IsControl); {
		case len(line) > maxLine:
			report(0, fmt.Sprintf("the line is longer than %d bytes", maxLine))
		case blank == maxBlank+1:
			report(0, fmt.Sprintf("more than %d empty lines in a row", maxBlank))
		case !utf8.Valid(line):
			report(0, "the line is not UTF-8")
		case odd >= 0 && line[odd] == '\t':
			report(odd, "a tab is not supported (use spaces)")
		case odd >= 0:
			report(odd, "control characters are not supported")
		}
	}
	return faults
}

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
	return fault(syntax.GetToken(), "not YAML: "+syntax.GetMessage())
}

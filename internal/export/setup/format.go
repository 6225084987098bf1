// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bytes"
	"encoding/json"
	"strings"
)

// width is how long a line of formatted JSON may be, without its indentation.
const width = 110

// format writes JSON with a line for each member. What holds nothing but plain values stands in one line, if it fits.
func format(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	d := json.NewDecoder(&b)
	d.UseNumber()
	if err := formatValue(&out, d, 0); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// formatValue writes the decoder's next value; what is inside is indented by depth.
func formatValue(out *bytes.Buffer, d *json.Decoder, depth int) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	open, ok := token.(json.Delim)
	if !ok {
		return encode(out, token)
	}
	var members []string
	plain := true
	for d.More() {
		var member bytes.Buffer
		if open == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			if err := encode(&member, name); err != nil {
				return err
			}
			member.WriteString(": ")
		}
		before := member.Len()
		if err := formatValue(&member, d, depth+1); err != nil {
			return err
		}
		plain = plain && !bytes.ContainsAny(member.Bytes()[before:before+1], "{[")
		members = append(members, member.String())
	}
	end, err := d.Token()
	if err != nil {
		return err
	}
	line := strings.Join(members, ", ")
	if plain && len(line) <= width {
		out.WriteString(open.String() + line + end.(json.Delim).String())
		return nil
	}
	indent := "\n" + strings.Repeat("  ", depth)
	out.WriteString(open.String() + indent + "  " + strings.Join(members, ","+indent+"  ") + indent + end.(json.Delim).String())
	return nil
}

// encode writes a string, number, boolean or null.
func encode(out *bytes.Buffer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	out.Truncate(out.Len() - 1) // the newline
	return nil
}

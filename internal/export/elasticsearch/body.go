// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"bytes"
	"encoding/json"
	"errors"

	"sensor/internal/events"
)

// bodyVersion is the first byte of what is spooled for an event. The rest of version 1 is the two lines that a bulk
// request has of it, newlines included:
//
//	{"create":{"_index":"logs-sensor.process-default","_id":"..."}}
//	{"@timestamp":"...",...}
//
// So to ship is to copy, and what was spooled under another configuration goes where it was meant to.
const bodyVersion = 1

// errBody says that another version of the sensor has spooled this.
var errBody = errors.New("the spool holds an event in a format that is not known")

// actionOf is what a body begins with, up to the id.
func actionOf(dataStream string) []byte {
	name, err := json.Marshal(dataStream)
	if err != nil {
		panic(err) // a string can be written always
	}
	b := []byte{bodyVersion}
	b = append(b, `{"create":{"_index":`...)
	b = append(b, name...)
	return append(b, `,"_id":"`...)
}

func (s *Sink) appendBody(b []byte, e *events.Event) []byte {
	kind := e.Kind
	if kind >= events.KindCount {
		kind = events.KindNone
	}
	b = append(b, s.actions[kind]...)
	b = e.ID.AppendText(b)
	b = append(b, "\"}}\n"...)
	b = s.options.Encode(b, e)
	return append(b, '\n')
}

// linesOf gives the lines for the request.
func linesOf(body []byte) ([]byte, error) {
	if len(body) < 2 || body[0] != bodyVersion || body[len(body)-1] != '\n' {
		return nil, errBody
	}
	return body[1:], nil
}

// A letter is a body taken apart.
type letter struct {
	index, id string
	document  []byte // as it is: JSON, if the body is what it should be
}

func letterOf(body []byte) letter {
	lines, err := linesOf(body)
	if err != nil {
		return letter{}
	}
	action, document, _ := bytes.Cut(lines, []byte{'\n'})
	var of struct {
		Create struct {
			Index string `json:"_index"`
			ID    string `json:"_id"`
		} `json:"create"`
	}
	if json.Unmarshal(action, &of) != nil {
		return letter{}
	}
	return letter{index: of.Create.Index, id: of.Create.ID, document: bytes.TrimSuffix(document, []byte{'\n'})}
}

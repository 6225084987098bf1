// SPDX-License-Identifier: Apache-2.0

// Package acts runs small C programs, each of which does one thing and says
// what it did, and compares that with the documents of a sensor. An act is its
// own oracle: the process, and the kernel through system calls, say what is
// true; nothing is taken from the sensor.
//
// An act prints one JSON object in each line:
//
//	{"expect":{"action":"exec","pid":7,"fields":{"process.executable":"/x"}}}
//	{"expect":{"action":"end","pid":7,"count":2}}
//	{"may":{...}}            a document that a sensor may leave out
//	{"also":{...}}           fields that some document of that action and pid has as well
//	{"never":{...}}          no document of that action and pid has these fields
//	{"expect_failed":{...}}  a document of kind exec_failed, if that kind is on
//	{"distinct_entity":[7]}  several processes had this pid one after the other
//	{"adopt":7}              a process of the act that is no descendant: the kernel started it
//	{"files":"/d"}           no file below has a document that was not said; without it files are not judged
//	{"ready":true}           an older act waits: start the sensor now
//	{"skip":"reason"}        this host lacks what the act needs
//	{"fault":"text"}         the act itself failed
//
// Documents of one action and pid come in the order of their lines, except those
// of connections and files, which come in any.
//
// A field is a dotted path in the document. Its value has to be equal: numbers
// by value, lists in order and whole, objects in the members that are named.
// null means absent or false, {"$ends":"x"} a string that ends so,
// {"$from":"t","$to":"t"} a time between those, {"$begins":[...],"$bytes":n}
// the beginning of that list, of at least n bytes, where the last string may be
// cut, {"$least":n} a number not below that one, and {"$same":"x"} the value that
// the field has wherever it is marked so.
package acts

import "embed"

//go:embed src/*.c src/*.h
var sources embed.FS

// Act is one program of the table.
type Act struct {
	Name  string
	Shows string
	Needs []string // of the host, besides root; an act says itself what is missing, except trampolines
	Older bool     // has to be started before the sensor: Start it, and Finish it later
}

// Expectation is what an act says about documents of one action and pid.
type Expectation struct {
	Action string         `json:"action"`
	PID    int            `json:"pid"`
	Count  int            `json:"count"` // of documents; 0 means 1
	Fields map[string]any `json:"fields"`
}

// Result is what an act said.
type Result struct {
	Name     string
	PID      int      // of the act's first process
	Args     []string // its arguments; they find it among others that had its pid
	Expect   []Expectation
	May      []Expectation
	Also     []Expectation
	Never    []Expectation
	Failed   []Expectation
	Distinct []int
	Adopted  []int
	Output   string   // the file that it said this in: what is told of it is not judged
	Files    []string // directories of which all documents about files are judged
	Skip     string
}

// SPDX-License-Identifier: Apache-2.0

package acts

import (
	"slices"
	"testing"
)

const saidOfConnections = `
{"expect":{"action":"connection_attempted","pid":11,"fields":{"source.port":1,"network.community_id":{"$same":"a"}}}}
{"expect":{"action":"connection_attempted","pid":11,"fields":{"source.port":2,"network.community_id":{"$same":"b"}}}}
{"expect":{"action":"disconnect_received","pid":11,"fields":{"network.transport":"tcp"}}}
{"expect":{"action":"disconnect_received","pid":11,"fields":{"source.port":2,"network.transport":"tcp","network.community_id":{"$same":"b"}}}}
{"may":{"action":"disconnect_received","pid":11,"fields":{"source.port":3,"network.transport":"udp"}}}
{"may":{"action":"disconnect_received","pid":11,"fields":{"source.port":4,"network.transport":"udp"}}}
`

func connection(action string, port int, transport, community string) map[string]any {
	d := doc(action, 11, 9, nil)
	d["source"] = map[string]any{"ip": "127.0.0.1", "port": float64(port)}
	d["network"] = map[string]any{"transport": transport, "community_id": community}
	return d
}

// with makes a change of documents: these come last.
func with(d ...map[string]any) func([]map[string]any) []map[string]any {
	return func(docs []map[string]any) []map[string]any { return append(docs, d...) }
}

// replace makes a change of documents: these are there in place of the n-th.
func replace(n int, d ...map[string]any) func([]map[string]any) []map[string]any {
	return func(docs []map[string]any) []map[string]any { return slices.Replace(docs, n, n+1, d...) }
}

func TestCheckConnections(t *testing.T) {
	const attempt, end = "connection_attempted", "disconnect_received"
	for _, test := range []struct {
		name   string
		change func([]map[string]any) []map[string]any
		want   []string
	}{
		{name: "in another order", change: with()},
		{name: "what may be", change: with(connection(end, 4, "udp", "d"), connection(end, 3, "udp", "c"))},
		{name: "what may be, twice", change: with(connection(end, 4, "udp", "d"), connection(end, 4, "udp", "d")),
			want: []string{`disconnect_received of 11: not expected: udp 127.0.0.1:4 to :0, direction "", outcome null`}},
		{name: "one too many", change: with(connection(attempt, 5, "tcp", "e")), want: []string{"connection_attempted of 11: not expected: tcp 127.0.0.1:5"}},
		{name: "one too few", change: replace(1), want: []string{`connection_attempted of 11: no document of {"network.community_id"`}},
		{name: "another port", change: replace(1, connection(attempt, 7, "tcp", "B")), want: []string{"connection_attempted of 11: source.port is 7, expected 2"}},
		{name: "another community", change: replace(3, connection(end, 2, "tcp", "C")),
			want: []string{`disconnect_received of 11: network.community_id is "C", but "B" in connection_attempted of 11`}},
		{name: "an action without a word", change: with(connection("connection_accepted", 1, "tcp", "A")), want: []string{"connection_accepted of 11: not expected"}},
		{name: "by another process", change: func(docs []map[string]any) []map[string]any {
			docs[2]["process"].(map[string]any)["pid"] = 12.0
			return docs
		}, want: []string{"connection_attempted of 11: no document"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := parse([]byte(saidOfConnections))
			if err != nil {
				t.Fatal(err)
			}
			r.Name, r.PID, r.Args = "connections", 11, []string{"acts"}
			r.Expect = append(r.Expect, Expectation{Action: "exec", PID: 11})
			expectErrors(t, Check(r, test.change([]map[string]any{
				doc("exec", 11, 9, map[string]any{"args": list("acts")}),
				connection(attempt, 2, "tcp", "B"),
				connection(attempt, 1, "tcp", "A"),
				connection(end, 2, "tcp", "B"),
				connection(end, 1, "tcp", "A"),
			})), test.want)
		})
	}
}

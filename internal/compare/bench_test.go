// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"os"
	"regexp"
	"runtime"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// storm gives the connects of a storm as a sensor writes them: nearly every field, relatives that are shared.
func storm(b *testing.B, n int) [][]byte {
	document, err := os.ReadFile("../events/ecs/testdata/connect.json")
	if err != nil {
		b.Fatal(err)
	}
	value := jsontext.Value(document)
	if err := value.Compact(); err != nil {
		b.Fatal(err)
	}
	pid := regexp.MustCompile(`"process":\{"pid":\d+`)
	at := regexp.MustCompile(`"@timestamp":"[^"]*"`)
	lines := make([][]byte, n)
	for i := range lines {
		line := pid.ReplaceAll(value, []byte(`"process":{"pid":`+string(jsontext.Int(int64(i%30000)).String())))
		t := start.Add(time.Duration(i) * 10 * time.Microsecond).Format(time.RFC3339Nano)
		lines[i] = at.ReplaceAll(line, []byte(`"@timestamp":"`+t+`"`))
	}
	return lines
}

// One iteration is a pair: an event of each side, of which one is 20,000 events behind.
func BenchmarkPairs(b *testing.B) {
	lines := storm(b, 40_000)
	const lag = 10_000
	c := New(Options{})
	c.Begin(start)
	var bytes int
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if i%len(lines) == 0 {
			c = New(Options{})
			c.Begin(start)
		}
		if err := c.Add(A, lines[i%len(lines)]); err != nil {
			b.Fatal(err)
		}
		if j := i%len(lines) - lag; j >= 0 {
			if err := c.Add(B, lines[j]); err != nil {
				b.Fatal(err)
			}
		}
		bytes = len(lines[i%len(lines)])
	}
	b.ReportMetric(float64(bytes), "bytes/line")
	b.ReportMetric(float64(b.N)*1e9/float64(b.Elapsed().Nanoseconds()+1), "pairs/s")
}

// What an event takes while it waits, as measured and as counted.
func BenchmarkPending(b *testing.B) {
	lines := storm(b, 20_000)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		c := New(Options{})
		for _, line := range lines {
			if err := c.Add(A, line); err != nil {
				b.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(lines)), "bytes/pending")
		b.ReportMetric(float64(c.sides[A].waiting.size)/float64(len(lines)), "counted/pending")
		runtime.KeepAlive(c)
	}
}

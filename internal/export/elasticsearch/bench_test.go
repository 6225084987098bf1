// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
	"sensor/internal/export/engine"
	"sensor/internal/export/spool"
)

// sinkVariable has the test binary be the engine that only counts: the benchmark measures the sensor's process alone.
const sinkVariable = "SENSOR_TEST_COUNTING_ENGINE"

func TestMain(m *testing.M) {
	if os.Getenv(sinkVariable) != "" {
		count()
		return
	}
	os.Exit(m.Run())
}

// count is an engine that says of each document that it is created, and keeps none.
func count() {
	var documents, bytesReceived atomic.Uint64
	item := []byte(`{"create":{"status":201}},`)
	http.HandleFunc("/_bulk", func(w http.ResponseWriter, r *http.Request) {
		counted := &countReader{r: r.Body}
		unpacked, err := gzip.NewReader(counted)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		lines, buffer := 0, make([]byte, 64<<10)
		for err == nil {
			var n int
			n, err = unpacked.Read(buffer)
			lines += bytes.Count(buffer[:n], []byte{'\n'})
		}
		if err != io.EOF {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		documents.Add(uint64(lines / 2))
		bytesReceived.Add(counted.n)
		answer := bytes.TrimSuffix(bytes.Repeat(item, lines/2), []byte{','})
		fmt.Fprintf(w, `{"items":[%s]}`, answer)
	})
	http.HandleFunc("/count", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, documents.Swap(0), bytesReceived.Swap(0))
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin) // ends with who started it
		os.Exit(0)
	}()
	panic(http.Serve(l, nil))
}

type countReader struct {
	r io.Reader
	n uint64
}

func (c *countReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += uint64(n)
	return n, err
}

// countingEngine starts the engine that only counts.
func countingEngine(b *testing.B) (url string) {
	b.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), sinkVariable+"=1")
	cmd.Stderr = os.Stderr
	alive, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		alive.Close()
		cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return "http://" + strings.TrimSpace(address)
}

// BenchmarkDeliver takes full exec events through the encoder, the spool on disk and gzip bulks to an engine in another
// process that only counts. Run it with -cpu 1. One operation is one event. docs/s is by the clock, docs/cpu-s by the CPU
// time of this process in user and kernel.
func BenchmarkDeliver(b *testing.B) {
	url := countingEngine(b)
	for _, sync := range []spool.Sync{spool.SyncNever, spool.SyncInterval, spool.SyncBatch} {
		b.Run("sync="+string(sync), func(b *testing.B) { deliver(b, url, sync, defaultBulkEvents) })
	}
	// All is written first: it comes from the disk, as after an outage.
	b.Run("backlog", func(b *testing.B) { deliver(b, url, spool.SyncNever, b.N) })
}

func deliver(b *testing.B, url string, sync spool.Sync, ahead int) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	ledger := &events.Ledger{}
	spooled, err := spool.Open(spool.Options{Dir: b.TempDir(), MaxBytes: 64 << 30, Sync: sync, Full: spool.FullOldest, Log: log, Ledger: ledger, Lost: func(events.Loss) {}})
	if err != nil {
		b.Fatal(err)
	}
	client, err := engine.New(engine.Options{Hosts: []string{url}, Log: log})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	source := newExecs(1024)
	sink := New(Options{
		Client: client, Spool: spooled, Encode: encoder().Append, Ledger: ledger, Log: log, Linger: time.Second,
		DataStream: func(k events.Kind) string { return "logs-sensor." + k.Traits().Dataset + "-default" },
	})
	counted(b, url)
	base := peak(b)
	var before, after unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &before); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	var batch []*events.Event
	for written := 0; written < b.N; {
		batch = source.next(batch, min(256, b.N-written))
		written += len(batch)
		ledger.Generated(events.KindExec, uint64(len(batch)))
		if _, err := sink.Write(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
		for written < b.N && spooled.Stats().Entries > uint64(ahead) {
			time.Sleep(100 * time.Microsecond)
		}
	}
	onDisk := spooled.Stats()
	if err := sink.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	if err := unix.Getrusage(unix.RUSAGE_SELF, &after); err != nil {
		b.Fatal(err)
	}
	top := peak(b)
	if err := spooled.Close(); err != nil {
		b.Fatal(err)
	}
	balance, stats := ledger.Read(), sink.Stats()
	documents, wire := counted(b, url)
	if documents != uint64(b.N) || balance.Check() != nil {
		b.Fatalf("the engine has %d of %d: %s, %+v", documents, b.N, balance, stats)
	}
	cpu := time.Duration(after.Utime.Nano() - before.Utime.Nano() + after.Stime.Nano() - before.Stime.Nano())
	n := float64(b.N)
	b.ReportMetric(n/b.Elapsed().Seconds(), "docs/s")
	b.ReportMetric(n/cpu.Seconds(), "docs/cpu-s")
	b.ReportMetric(float64(wire)/n, "wire-B/doc")
	if ahead >= b.N {
		b.ReportMetric(float64(onDisk.Bytes)/float64(max(onDisk.Entries, 1)), "disk-B/doc")
	}
	b.ReportMetric(float64(top-base)/(1<<20), "peak-MiB")
}

// counted asks what the engine has counted since it was last asked.
func counted(b *testing.B, url string) (documents, wire uint64) {
	b.Helper()
	response, err := http.Get(url + "/count")
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := fmt.Fscan(response.Body, &documents, &wire); err != nil {
		b.Fatal(err)
	}
	return documents, wire
}

// peak is the most memory that was resident since it was last asked.
func peak(b *testing.B) int64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.ParseInt(strings.TrimSpace(rest[:strings.Index(rest, "kB")]), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
	return kib << 10
}

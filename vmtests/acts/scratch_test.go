package acts

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestScratch(t *testing.T) {
	bin := os.Getenv("SCRATCH_SENSOR")
	if bin == "" {
		t.Skip()
	}
	want := strings.Fields(os.Getenv("SCRATCH_ACTS"))
	var list []Act
	for _, a := range List(t) {
		ok := len(want) == 0
		for _, w := range want {
			ok = ok || strings.HasPrefix(a.Name, w)
		}
		if ok {
			list = append(list, a)
		}
	}
	older := map[string]*Running{}
	for _, a := range list {
		if a.Older {
			older[a.Name] = Start(t, a.Name)
		}
	}
	extra := strings.Fields(os.Getenv("SCRATCH_ARGS"))
	out, _ := os.Create("/tmp/scratch.ndjson")
	cmd := exec.Command(bin, append([]string{"run", "--output", "stdout", "--format", "json"}, extra...)...)
	cmd.Stdout = out
	errPipe, _ := cmd.StderrPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan bool)
	go func() {
		s := bufio.NewScanner(errPipe)
		for s.Scan() {
			t.Log(s.Text())
			if strings.Contains(s.Text(), "msg=ready") {
				close(ready)
			}
		}
	}()
	select {
	case <-ready:
	case <-time.After(20 * time.Second):
		t.Fatal("not ready")
	}
	var results []Result
	for _, a := range list {
		r := older[a.Name]
		var res Result
		if r != nil {
			res = r.Finish()
		} else {
			t.Run(a.Name, func(t *testing.T) { res = Run(t, a.Name) })
		}
		results = append(results, res)
	}
	time.Sleep(300 * time.Millisecond)
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	text, _ := os.ReadFile("/tmp/scratch.ndjson")
	var docs []map[string]any
	for line := range bytes.Lines(text) {
		var m map[string]any
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		if err := d.Decode(&m); err != nil {
			t.Errorf("%v in %.300s", err, line)
			continue
		}
		docs = append(docs, m)
	}
	t.Log(len(docs), "documents")
	for _, r := range results {
		if r.Name == "" {
			continue
		}
		if r.Skip != "" {
			t.Log(r.Name, "SKIP", r.Skip)
		}
		errs := Check(r, docs)
		for i, err := range errs {
			if i < 100000 {
				t.Errorf("%s: %v", r.Name, err)
			}
		}
		own, _, _ := tree(r, docs)
		n := 0
		for _, d := range own[:min(40, len(own))] {
			if os.Getenv("SCRATCH_MUTANTS") == "" {
				break
			}
			var rest []map[string]any
			for _, doc := range docs {
				if integer(doc, "event.sequence") != integer(d.body, "event.sequence") {
					rest = append(rest, doc)
				}
			}
			if len(Check(r, rest)) == 0 {
				t.Errorf("%s: without %s of %d no error", r.Name, d.action, d.pid)
			}
			n++
		}
		t.Log(r.Name, len(own), "documents", len(r.Expect), "expectations", n, "mutants")
		if os.Getenv("SCRATCH_FAILED") != "" {
			for _, err := range CheckFailed(r, docs) {
				t.Errorf("%s: %v", r.Name, err)
			}
		}
	}
}

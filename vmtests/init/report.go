// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"sync"

	"sensor/vmtests/guest"
)

// reporter writes to the console, the command's output and marked lines one after the other.
type reporter struct {
	mark string
	mu   sync.Mutex
	w    io.Writer
}

// Write passes output on as it is.
func (r *reporter) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.w.Write(b)
}

// line writes one marked line. A console that fails shows as a missing end marker outside.
func (r *reporter) line(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	io.WriteString(r.w, r.mark+text+"\n")
}

// handOut reports a tar archive of a directory. The console is the one way out that all machines have.
func (r *reporter) handOut(dir string) error {
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	if err := tw.AddFS(os.DirFS(dir)); err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	if err := tw.Close(); err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	sum := sha256.Sum256(buf.Bytes())
	for buf.Len() > 0 {
		r.line(guest.Out + base64.StdEncoding.EncodeToString(buf.Next(3*1024)))
	}
	r.line(guest.OutEnd + fmt.Sprintf("%x", sum))
	return nil
}

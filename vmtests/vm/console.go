// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"sensor/vmtests/guest"
)

const tailLines = 60

// console reads what a VM says: it passes the command's output on and keeps the marked lines.
type console struct {
	mark string
	out  io.Writer

	onBegin func() // may be nil

	began   time.Time // zero until the command has started
	ended   bool
	expired bool
	code    int
	kernel  []string
	archive bytes.Buffer
	whole   bool     // the archive is complete and its checksum right
	boot    []string // what came before the command's output: firmware, kernel, init
	tail    []string // the last lines of the output
}

// read reads to the end marker or the end of the stream, whichever is first.
func (c *console) read(r io.Reader) error {
	br := bufio.NewReaderSize(r, 64<<10)
	for !c.ended {
		line, err := br.ReadString('\n')
		if werr := c.line(line); werr != nil {
			return werr
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read console: %w", err)
		}
	}
	return nil
}

func (c *console) line(line string) error {
	before, word, marked := strings.Cut(line, c.mark)
	if marked && strings.HasSuffix(word, "\n") {
		if err := c.output(before); err != nil {
			return err
		}
		return c.marked(strings.TrimRight(word, "\r\n"))
	}
	return c.output(line)
}

func (c *console) output(line string) error {
	if line == "" {
		return nil
	}
	if text, ok := strings.CutSuffix(line, "\n"); ok {
		line = strings.TrimRight(text, "\r") + "\n"
	}
	if c.began.IsZero() {
		c.boot = keepLast(c.boot, line)
		return nil
	}
	c.tail = keepLast(c.tail, line)
	if _, err := io.WriteString(c.out, line); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

func (c *console) marked(text string) error {
	switch {
	case text == guest.Begin:
		c.began = time.Now()
		if c.onBegin != nil {
			c.onBegin()
		}
	case text == guest.Expire:
		c.expired = true
	case strings.HasPrefix(text, guest.Kernel):
		c.kernel = append(c.kernel, text[len(guest.Kernel):])
	case strings.HasPrefix(text, guest.OutEnd):
		c.whole = fmt.Sprintf("%x", sha256.Sum256(c.archive.Bytes())) == text[len(guest.OutEnd):]
	case strings.HasPrefix(text, guest.Out):
		b, err := base64.StdEncoding.DecodeString(text[len(guest.Out):])
		if err != nil {
			return fmt.Errorf("decode out line: %w", err)
		}
		c.archive.Write(b)
	case strings.HasPrefix(text, guest.End):
		code, err := strconv.Atoi(text[len(guest.End):])
		if err != nil {
			return fmt.Errorf("decode end marker: %w", err)
		}
		c.code, c.ended = code, true
	default:
		return fmt.Errorf("decode marked line: unknown %q", text)
	}
	return nil
}

func keepLast(lines []string, line string) []string {
	if len(lines) == tailLines {
		lines = append(lines[:0], lines[1:]...)
	}
	return append(lines, strings.TrimSuffix(line, "\n"))
}

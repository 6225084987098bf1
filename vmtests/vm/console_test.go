// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
)

const mark = "::vm-test "

func readConsole(t *testing.T, stream string) (*console, string) {
	t.Helper()
	var out strings.Builder
	c := &console{mark: mark, out: &out}
	if err := c.read(iotest.OneByteReader(strings.NewReader(stream))); err != nil {
		t.Fatal(err)
	}
	return c, out.String()
}

func TestConsole(t *testing.T) {
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("tar")))
	c, out := readConsole(t, "SeaBIOS\r\nkernel: hello\r\n"+
		mark+"begin\n"+
		"one\r\ntwo\nno newline"+mark+"expire\n"+
		mark+"kernel oops\n"+
		mark+"out dGE=\n"+mark+"out cg==\n"+mark+"outend "+sum+"\n"+
		mark+"end 3\n"+"reboot: Power down\r\n")
	if want := "one\ntwo\nno newline"; out != want {
		t.Errorf("output %q, want %q", out, want)
	}
	if !c.ended || c.code != 3 || !c.expired || !c.whole || c.archive.String() != "tar" {
		t.Errorf("got %+v", c)
	}
	if strings.Join(c.kernel, "|") != "oops" || strings.Join(c.boot, "|") != "SeaBIOS|kernel: hello" {
		t.Errorf("kernel %q, boot %q", c.kernel, c.boot)
	}
}

func TestConsoleWithoutEnd(t *testing.T) {
	for _, stream := range []string{
		"",
		mark + "begin\nPASS\n",
		mark + "begin\n::vm-other end 0\n",
		mark + "begin\n" + mark + "end 0", // cut off
	} {
		if c, _ := readConsole(t, stream); c.ended {
			t.Errorf("%q passed for an end", stream)
		}
	}
}

func TestConsoleDamagedArchive(t *testing.T) {
	c, _ := readConsole(t, mark+"begin\n"+mark+"out dGE=\n"+mark+"outend 00\n"+mark+"end 0\n")
	if c.whole {
		t.Error("the checksum was not compared")
	}
}

func TestConsoleUnreadableLines(t *testing.T) {
	for _, word := range []string{"end x", "out ???", "nonsense"} {
		c := &console{mark: mark, out: new(strings.Builder)}
		if err := c.read(strings.NewReader(mark + word + "\n")); err == nil {
			t.Errorf("%q is no error", word)
		}
	}
}

func TestConsoleKeepsLastLines(t *testing.T) {
	c, _ := readConsole(t, mark+"begin\n"+strings.Repeat("x\n", 500)+"last\n")
	if len(c.tail) != tailLines || c.tail[tailLines-1] != "last" {
		t.Errorf("kept %d lines, the last is %q", len(c.tail), c.tail[len(c.tail)-1])
	}
}

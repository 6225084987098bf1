// SPDX-License-Identifier: Apache-2.0

// Package baseline keeps what is known of the watched files over restarts: in one
// file, replaced as a whole, with a version and a checksum.
package baseline

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sensor/internal/fallback/inotify/hashes"
	"sensor/internal/fallback/inotify/tree"
)

// What is wrong with a baseline.
var (
	ErrDamaged = errors.New("the baseline is damaged")
	ErrVersion = errors.New("the baseline is none, or of another version of the sensor")
)

// version is what a baseline begins with.
const version = "sensor baseline 1\n"

// depth bounds how far directories are nested: no path has more parts.
const depth = 2048

// A node is its name, a byte of marks, and numbers as unsigned varints; those of
// the device and the change relative to what they mostly equal.
const (
	markHashes    = 1 << iota // the hashes follow
	markDirectory             // its children follow
	markListed
	markAll = 1<<iota - 1
)

// Encode writes the tree of the root. The hashes are those of the set. What the
// tree covers is told by words that are the caller's alone to understand.
func Encode(root *tree.Node, set *hashes.Set, covers []string) []byte {
	b := appendTexts([]byte(version), set.Names())
	b = appendTexts(b, covers)
	b = appendNode(b, root, set.Size(), 0)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func appendTexts(b []byte, texts []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(texts)))
	for _, text := range texts {
		b = appendText(b, text)
	}
	return b
}

func appendNode(b []byte, n *tree.Node, hashSize int, device uint32) []byte {
	var marks byte
	if n.Hashes != "" && len(n.Hashes) == hashSize {
		marks |= markHashes
	}
	if n.Directory != nil {
		marks |= markDirectory
		if n.Directory.Listed {
			marks |= markListed
		}
	}
	b = append(appendText(b, n.Name), marks)
	for _, number := range [...]uint64{
		uint64(n.Mode), n.Inode, uint64(n.Device ^ device), uint64(n.Links), uint64(n.UID), uint64(n.GID),
		n.Size, uint64(n.Modified), zigzag(n.Changed - n.Modified),
	} {
		b = binary.AppendUvarint(b, number)
	}
	if marks&markHashes != 0 {
		b = append(b, n.Hashes...)
	}
	if n.Directory != nil {
		b = binary.AppendUvarint(b, uint64(len(n.Directory.Children)))
		for _, name := range slices.Sorted(maps.Keys(n.Directory.Children)) {
			b = appendNode(b, n.Directory.Children[name], hashSize, n.Device)
		}
	}
	return b
}

func zigzag(n int64) uint64   { return uint64(n<<1) ^ uint64(n>>63) }
func unzigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }

// Known is what a baseline holds.
type Known struct {
	Root   *tree.Node
	Covers []string // as given to Encode
	// Rehash is whether the hashes were others than now, so that the tree has none.
	Rehash bool
}

// Decode reads what Encode wrote. The error is ErrVersion or ErrDamaged.
func Decode(b []byte, set *hashes.Set) (Known, error) {
	if !strings.HasPrefix(string(b[:min(len(b), len(version))]), version) {
		return Known{}, ErrVersion
	}
	if len(b) < len(version)+sha256.Size {
		return Known{}, fmt.Errorf("%w: it is cut", ErrDamaged)
	}
	body := b[:len(b)-sha256.Size]
	if sum := sha256.Sum256(body); string(sum[:]) != string(b[len(body):]) {
		return Known{}, fmt.Errorf("%w: its checksum is wrong", ErrDamaged)
	}
	return decodeBody(body[len(version):], set)
}

func decodeBody(b []byte, set *hashes.Set) (Known, error) {
	d := decoder{rest: b}
	names := d.texts()
	written, err := hashes.New(names)
	if err != nil || !slices.Equal(written.Names(), names) {
		return Known{}, fmt.Errorf("%w: unknown hashes %q", ErrDamaged, names)
	}
	d.hashSize = written.Size()
	d.keep = slices.Equal(names, set.Names())
	k := Known{Root: tree.NewRoot(), Covers: d.texts(), Rehash: !d.keep}
	if _, marks := d.text(), d.node(k.Root); marks&markDirectory == 0 {
		d.fail("its root is no directory")
	} else {
		d.children(k.Root, marks, 0)
	}
	if len(d.rest) > 0 {
		d.fail("there is more than it says")
	}
	return k, d.err
}

// decoder takes apart. After the first fault it gives zeros.
type decoder struct {
	rest     []byte
	hashSize int
	keep     bool // the hashes
	err      error
}

func (d *decoder) fail(why string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrDamaged, why)
	}
	d.rest = nil
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.fail("a number is cut")
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) number32() uint32 {
	n := d.number()
	if n > 1<<32-1 {
		d.fail("a number is too large")
		return 0
	}
	return uint32(n)
}

// count is a number of things of which each takes so many bytes at least.
func (d *decoder) count(each int) int {
	n := d.number()
	if n > uint64(len(d.rest)/each) {
		d.fail("it is cut")
		return 0
	}
	return int(n)
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.rest) {
		d.fail("it is cut")
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) text() string { return string(d.bytes(d.count(1))) }

func (d *decoder) texts() (texts []string) {
	for range d.count(1) {
		texts = append(texts, d.text())
	}
	return texts
}

// node reads all but name and children. The device is still relative.
func (d *decoder) node(n *tree.Node) (marks byte) {
	if b := d.bytes(1); len(b) > 0 {
		marks = b[0]
	}
	if marks&^markAll != 0 || marks&markListed != 0 && marks&markDirectory == 0 {
		d.fail("marks contradict each other")
	}
	n.Mode, n.Inode, n.Device = d.number32(), d.number(), d.number32()
	n.Links, n.UID, n.GID = d.number32(), d.number32(), d.number32()
	n.Size, n.Modified = d.number(), int64(d.number())
	n.Changed = n.Modified + unzigzag(d.number())
	if marks&markHashes != 0 {
		sum := d.bytes(d.hashSize)
		if d.hashSize == 0 {
			d.fail("hashes of no kind")
		}
		if d.keep {
			n.Hashes = string(sum)
		}
	}
	return marks
}

// leastNode is the size of a node without a name.
const leastNode = 2 + 9

func (d *decoder) children(parent *tree.Node, marks byte, level int) {
	if level == depth {
		d.fail("it is nested too deep")
		return
	}
	parent.Look()
	parent.Directory.Listed = marks&markListed != 0
	last := ""
	for range d.count(leastNode) {
		name := d.text()
		if d.err == nil && (name <= last || name == "." || name == ".." || strings.ContainsAny(name, "/\x00")) {
			d.fail("a name is none, or out of order")
		}
		n := &tree.Node{}
		marks := d.node(n)
		if d.err != nil {
			return
		}
		n.Device ^= parent.Device
		last = name
		n.Attach(parent, name)
		if marks&markDirectory != 0 {
			d.children(n, marks, level+1)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package events

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// ID is event.id before its encoding: a retry of the same event has the same
// ID, and no two events share one.
type ID [16]byte

// AppendText appends the 22 characters of base64url.
func (id ID) AppendText(b []byte) []byte {
	return base64.RawURLEncoding.AppendEncode(b, id[:])
}

func (id ID) String() string { return string(id.AppendText(nil)) }

// IDOf is the ID of what the text tells from all else: whenever it is read again,
// it has the same one.
func IDOf(text []byte) ID {
	sum := sha256.Sum256(text)
	return ID(sum[:16])
}

// IDs gives out IDs for one source in one run. Two runs in one boot, and two
// sensors on one host, draw different nonces and so never share an ID.
type IDs struct {
	prefix [32]byte
}

// NewIDs hashes the boot id (text as the kernel gives it), a fresh nonce and
// the source's name.
func NewIDs(bootID, source string) IDs {
	var nonce [32]byte
	rand.Read(nonce[:]) // never fails (Go 1.24)
	h := sha256.New()
	h.Write(nonce[:])
	h.Write([]byte(bootID))
	h.Write([]byte{0})
	h.Write([]byte(source))
	var ids IDs
	h.Sum(ids.prefix[:0])
	return ids
}

// Of is the ID of record number sequence of a scratch slot of the given class.
func (ids *IDs) Of(class Class, slot uint32, sequence uint64) ID {
	var b [32 + 4 + 8 + 16]byte
	copy(b[:], ids.prefix[:])
	binary.LittleEndian.PutUint32(b[32:], slot)
	binary.LittleEndian.PutUint64(b[36:], sequence)
	n := copy(b[44:], class)
	return IDOf(b[:44+n])
}

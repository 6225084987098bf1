// SPDX-License-Identifier: Apache-2.0

// Package hashes computes the hashes of a file's content that can be asked for
// by name.
package hashes

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/crypto/blake2b"

	"sensor/internal/events"
)

type algorithm struct {
	name string
	make func() hash.Hash
}

// algorithms lists what there is, in the order of their names.
func algorithms() []algorithm {
	return []algorithm{
		{"blake2b_256", unkeyed(blake2b.New256)},
		{"blake2b_384", unkeyed(blake2b.New384)},
		{"blake2b_512", unkeyed(blake2b.New512)},
		{"md5", md5.New},
		{"sha1", sha1.New},
		{"sha224", sha256.New224},
		{"sha256", sha256.New},
		{"sha384", sha512.New384},
		{"sha3_224", func() hash.Hash { return sha3.New224() }},
		{"sha3_256", func() hash.Hash { return sha3.New256() }},
		{"sha3_384", func() hash.Hash { return sha3.New384() }},
		{"sha3_512", func() hash.Hash { return sha3.New512() }},
		{"sha512", sha512.New},
		{"sha512_224", sha512.New512_224},
		{"sha512_256", sha512.New512_256},
		{"xxh64", func() hash.Hash { return xxhash.New() }},
	}
}

// unkeyed makes a hash without a key, which is what can fail about it.
func unkeyed(make func(key []byte) (hash.Hash, error)) func() hash.Hash {
	return func() hash.Hash {
		h, err := make(nil)
		if err != nil {
			panic(err)
		}
		return h
	}
}

// Names lists what can be asked for, in order.
func Names() []string {
	var names []string
	for _, a := range algorithms() {
		names = append(names, a.name)
	}
	return names
}

// Set computes several hashes at once. It is for one goroutine.
type Set struct {
	names  []string
	hashes []hash.Hash
}

// New makes the set of the named hashes, which is put in order. An unknown name
// is an error.
func New(names []string) (*Set, error) {
	s := &Set{}
	known := algorithms()
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		i := slices.IndexFunc(known, func(a algorithm) bool { return a.name == name })
		if i < 0 {
			return nil, fmt.Errorf("make hashes: %q is not known", name)
		}
		s.names = append(s.names, name)
		s.hashes = append(s.hashes, known[i].make())
	}
	return s, nil
}

// Names of the set, in order.
func (s *Set) Names() []string { return slices.Clone(s.names) }

// Empty reports whether there is nothing to compute.
func (s *Set) Empty() bool { return len(s.names) == 0 }

// Size is how many bytes Sum gives.
func (s *Set) Size() int {
	n := 0
	for _, h := range s.hashes {
		n += h.Size()
	}
	return n
}

// Reset begins anew.
func (s *Set) Reset() {
	for _, h := range s.hashes {
		h.Reset()
	}
}

// Write takes the next piece of the content. It never fails.
func (s *Set) Write(p []byte) (int, error) {
	for _, h := range s.hashes {
		h.Write(p) // never fails
	}
	return len(p), nil
}

// Sum gives the hashes of what was written since Reset, one after the other.
func (s *Set) Sum() string {
	var sum []byte
	for _, h := range s.hashes {
		sum = h.Sum(sum)
	}
	return string(sum)
}

// Split names the parts of what Sum gave; nil if it cannot be of this set.
func (s *Set) Split(sum string) []events.Hash {
	if sum == "" || len(sum) != s.Size() {
		return nil
	}
	list := make([]events.Hash, 0, len(s.names))
	for i, h := range s.hashes {
		list = append(list, events.Hash{Algorithm: s.names[i], Hex: hex.EncodeToString([]byte(sum[:h.Size()]))})
		sum = sum[h.Size():]
	}
	return list
}

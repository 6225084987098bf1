// SPDX-License-Identifier: Apache-2.0

package hashes

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The answers of others to the same question: coreutils and openssl where they
// are installed.
func TestAgainstOthers(t *testing.T) {
	content := make([]byte, 1_000_003)
	rand.NewChaCha8([32]byte{1}).Read(content)
	path := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := New(Names())
	if err != nil {
		t.Fatal(err)
	}
	for rest := range slices.Chunk(content, 65537) {
		set.Write(rest)
	}
	for _, h := range set.Split(set.Sum()) {
		command, ok := map[string][]string{
			"blake2b_256": {"b2sum", "-l", "256"}, "blake2b_384": {"b2sum", "-l", "384"}, "blake2b_512": {"b2sum"},
			"md5": {"md5sum"}, "sha1": {"sha1sum"}, "sha224": {"sha224sum"}, "sha256": {"sha256sum"}, "sha384": {"sha384sum"}, "sha512": {"sha512sum"},
			"sha512_224": {"openssl", "dgst", "-r", "-sha512-224"}, "sha512_256": {"openssl", "dgst", "-r", "-sha512-256"},
			"sha3_224": {"openssl", "dgst", "-r", "-sha3-224"}, "sha3_256": {"openssl", "dgst", "-r", "-sha3-256"},
			"sha3_384": {"openssl", "dgst", "-r", "-sha3-384"}, "sha3_512": {"openssl", "dgst", "-r", "-sha3-512"},
			"xxh64": {"xxhsum", "-H64"},
		}[h.Algorithm]
		if !ok {
			t.Errorf("%s: nobody to ask", h.Algorithm)
			continue
		}
		t.Run(h.Algorithm, func(t *testing.T) {
			out, err := exec.Command(command[0], append(command[1:], path)...).Output()
			if errors.Is(err, exec.ErrNotFound) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if want, _, _ := strings.Cut(strings.TrimPrefix(string(out), `\`), " "); h.Hex != want {
				t.Errorf("%s, %s says %s", h.Hex, command[0], want)
			}
		})
	}
}

// What is known of the empty file, for those whom nobody may be there to ask about.
func TestEmpty(t *testing.T) {
	for name, want := range map[string]string{
		"xxh64":      "ef46db3751d8e999",
		"md5":        "d41d8cd98f00b204e9800998ecf8427e",
		"sha3_224":   "6b4e03423667dbb73b6e15454f0eb1abd4597f9a1b078e3f5b5a6bc7",
		"sha512_256": "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a",
	} {
		set, err := New([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		set.Write([]byte("of before"))
		set.Reset()
		if got := set.Split(set.Sum()); len(got) != 1 || got[0].Hex != want || got[0].Algorithm != name {
			t.Errorf("%s: %v, want %s", name, got, want)
		}
	}
}

func TestSet(t *testing.T) {
	if _, err := New([]string{"sha256", "crc32"}); err == nil || !strings.Contains(err.Error(), "crc32") {
		t.Errorf("unknown name: %v", err)
	}
	set, err := New([]string{"xxh64", "md5", "xxh64"})
	if err != nil {
		t.Fatal(err)
	}
	if got := set.Names(); !slices.Equal(got, []string{"md5", "xxh64"}) || set.Size() != 24 || set.Empty() {
		t.Errorf("names %v, size %d", got, set.Size())
	}
	if set.Split("") != nil || set.Split(string(bytes.Repeat([]byte{0}, 23))) != nil {
		t.Error("split what is of another set")
	}
	if !slices.IsSorted(Names()) || len(Names()) != 16 {
		t.Errorf("names %v", Names())
	}
}

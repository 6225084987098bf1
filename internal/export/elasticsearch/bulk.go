// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"bytes"
	"net/http"

	"github.com/klauspost/compress/gzip"
)

// bulkPath asks for the outcome of each document and no more.
const bulkPath = "/_bulk?filter_path=items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason"

// gzipLevel: level 3 would save a fifth of the bytes, for a quarter more of the time.
const gzipLevel = gzip.BestSpeed

// A bulk is the body of one request. It is for one goroutine.
type bulk struct {
	header http.Header
	packed bytes.Buffer
	plain  int // bytes before compression
	gzip   *gzip.Writer
}

func newBulk() *bulk {
	b := &bulk{header: http.Header{"Content-Type": {"application/x-ndjson"}, "Content-Encoding": {"gzip"}}}
	var err error
	if b.gzip, err = gzip.NewWriterLevel(&b.packed, gzipLevel); err != nil {
		panic(err) // the level is one that there is
	}
	return b
}

// reset begins another body. A buffer that one huge event has needed is not kept.
func (b *bulk) reset() {
	if b.packed.Cap() > 16<<20 {
		b.packed = bytes.Buffer{}
	}
	b.packed.Reset()
	b.gzip.Reset(&b.packed)
	b.plain = 0
}

// add and finish cannot fail: a buffer takes all.
func (b *bulk) add(lines []byte) {
	b.plain += len(lines)
	b.gzip.Write(lines)
}

func (b *bulk) finish() { b.gzip.Close() }

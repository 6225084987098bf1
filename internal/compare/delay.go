// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math/bits"
	"time"
)

// A histogram counts durations in buckets that are a 16th of a power of two
// wide: a quantile is at most 6.25 % too high. What is negative counts as 0.
type histogram struct {
	buckets []uint64 // grows as needed, to histogramBuckets at most
	count   uint64
}

const histogramBuckets = (63 - 4 + 1) * 16

// bucketOf is the bucket of a number of ns.
func bucketOf(ns int64) int {
	n := uint64(max(ns, 0))
	if n < 16 {
		return int(n)
	}
	exponent := bits.Len64(n) - 5 // of 16 steps in the highest power of two
	return exponent*16 + int(n>>exponent)
}

// highest is the highest number of ns that falls in a bucket.
func highest(bucket int) int64 {
	if bucket < 32 {
		return int64(bucket)
	}
	exponent := bucket/16 - 1
	return int64(uint64(bucket-exponent*16+1)<<exponent - 1)
}

func (h *histogram) add(ns int64) {
	i := bucketOf(ns)
	for len(h.buckets) <= i {
		h.buckets = append(h.buckets, 0)
	}
	h.buckets[i]++
	h.count++
}

// delay sums the histogram up; nil if nothing was counted.
func (h *histogram) delay() *Delay {
	if h.count == 0 {
		return nil
	}
	d := &Delay{Count: h.count}
	var sum uint64
	for i, n := range h.buckets {
		if n == 0 {
			continue
		}
		before := sum
		sum += n
		value := time.Duration(highest(i))
		if at := (h.count + 1) / 2; before < at && at <= sum {
			d.P50 = value
		}
		if at := h.count - h.count/100; before < at && at <= sum {
			d.P99 = value
		}
		d.Max = value
		d.Buckets = append(d.Buckets, Bucket{UpTo: value, Count: n})
	}
	return d
}

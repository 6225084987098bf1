// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Every number lies in its bucket, and the bucket's highest is near it.
func TestBuckets(t *testing.T) {
	check := func(n int64) {
		i := bucketOf(n)
		if i < 0 || i >= histogramBuckets {
			t.Fatalf("%d falls in bucket %d", n, i)
		}
		if top := highest(i); top < n || float64(top-n) > float64(n)/16 || i > 0 && highest(i-1) >= n {
			t.Fatalf("%d falls in bucket %d up to %d", n, i, top)
		}
	}
	for n := range int64(10_000) {
		check(n)
	}
	for n := int64(1); n > 0; n <<= 1 {
		check(n - 1)
		check(n)
		check(n + 1)
	}
	check(math.MaxInt64)
	if bucketOf(-1) != 0 || bucketOf(math.MinInt64) != 0 {
		t.Error("what is negative does not count as 0")
	}
}

func TestQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 99, 100, 101, 10_000} {
		var h histogram
		values := make([]int64, n)
		for i := range values {
			values[i] = int64(math.Exp(random.Float64() * 24)) // up to 26 s
			h.add(values[i])
		}
		slices.Sort(values)
		d := h.delay()
		for name, q := range map[string]struct{ got, want int64 }{
			"p50": {int64(d.P50), values[(n+1)/2-1]}, "p99": {int64(d.P99), values[n-n/100-1]}, "max": {int64(d.Max), values[n-1]},
		} {
			if q.got < q.want || float64(q.got) > 1.0625*float64(q.want) {
				t.Errorf("%d values: %s is %d, want %d", n, name, q.got, q.want)
			}
		}
		var sum uint64
		for _, b := range d.Buckets {
			sum += b.Count
		}
		if d.Count != uint64(n) || sum != uint64(n) {
			t.Errorf("%d values: count %d, in buckets %d", n, d.Count, sum)
		}
	}
	if (&histogram{}).delay() != nil {
		t.Error("nothing has a delay")
	}
}

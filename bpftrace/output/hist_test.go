package output

import (
	"math"
	"testing"
)

func TestLog2BucketsMeet(t *testing.T) {
	for k := uint(0); k <= MaxHistBits; k++ {
		last := Log2Buckets(k) - 1
		if got := Log2Bucket(math.MaxInt64, k); got != last {
			t.Errorf("bits %d: largest value in bucket %d, want %d", k, got, last)
		}
		for i := 0; i <= last; i++ {
			low, high := Log2Bounds(i, k)
			if Log2Bucket(low, k) != i || Log2Bucket(high, k) != i {
				t.Fatalf("bits %d: bounds %d..%d of bucket %d fall into %d and %d",
					k, low, high, i, Log2Bucket(low, k), Log2Bucket(high, k))
			}
			if i < last && Log2Bucket(high+1, k) != i+1 {
				t.Fatalf("bits %d: gap after bucket %d", k, i)
			}
		}
	}
}

func TestLinearBucketsMeet(t *testing.T) {
	for _, c := range [][3]int64{{0, 100, 10}, {-5, 98, 7}, {0, 1, 1}, {-4096, 4096, 1024}} {
		min, max, step := c[0], c[1], c[2]
		for v := min - 3*step; v < max+3*step; v++ {
			i := LinearBucket(v, min, max, step)
			low, high := LinearBounds(i, min, max, step)
			if v < low || v > high {
				t.Fatalf("lhist(%d, %d, %d, %d): bucket %d is %d..%d", v, min, max, step, i, low, high)
			}
			if i >= LinearBuckets(min, max, step) {
				t.Fatalf("lhist(%d, %d, %d, %d): bucket %d of %d", v, min, max, step, i, LinearBuckets(min, max, step))
			}
		}
	}
}

func TestHistTrims(t *testing.T) {
	if h := Log2Hist(0, make([]uint64, 64)); len(h.Buckets) != 0 {
		t.Errorf("empty histogram has buckets %v", h.Buckets)
	}
	h := Log2Hist(0, []uint64{0, 0, 3, 0, 1, 0})
	if len(h.Buckets) != 3 || h.Buckets[0] != (Bucket{1, 1, 3}) || h.Buckets[2] != (Bucket{4, 7, 1}) {
		t.Errorf("buckets %v", h.Buckets)
	}
}

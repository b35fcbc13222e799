package output

import (
	"math"
	"math/bits"
	"strconv"
)

// MaxHistBits is the largest number of bits that hist() accepts.
const MaxHistBits = 5

// MaxLinearBuckets is the largest number of buckets of lhist(), without the two
// open ones.
const MaxLinearBuckets = 1000

// Log2Buckets returns the number of buckets of hist(v, k): indexes run from 0 to
// one less.
func Log2Buckets(k uint) int { return (64-int(k))<<k + 1 }

// Log2Bucket returns the index of the bucket of hist(v, k) that counts v.
// Bucket 0 holds negative values, the next 2^k buckets one value each, and each
// further power of two is divided into 2^k buckets.
func Log2Bucket(v int64, k uint) int {
	if v < 0 {
		return 0
	}
	if v < 1<<k {
		return int(v) + 1
	}
	shift := uint(bits.Len64(uint64(v))) - 1 - k
	sub := int(v>>shift) & (1<<k - 1)
	return int(shift+1)<<k + sub + 1
}

// Log2Bounds returns the lowest and the highest value that bucket index of
// hist(v, k) counts. The first bucket begins at math.MinInt64.
func Log2Bounds(index int, k uint) (low, high int64) {
	if index <= 0 {
		return math.MinInt64, -1
	}
	return int64(log2Start(index, k)), int64(log2Start(index+1, k) - 1)
}

// log2Start returns the first value of a bucket; that of the bucket after the
// last one is 2^63.
func log2Start(index int, k uint) uint64 {
	i := index - 1
	if i < 2<<k {
		return uint64(i)
	}
	return uint64(1<<k+i&(1<<k-1)) << (uint(i)>>k - 1)
}

// LinearBuckets returns the number of buckets of lhist(v, min, max, step),
// including the open ones at both ends.
func LinearBuckets(min, max, step int64) int { return int((max-min)/step) + 2 }

// LinearBucket returns the index of the bucket of lhist(v, min, max, step) that
// counts v: 0 below min, then one bucket per step, the last one open above.
func LinearBucket(v, min, max, step int64) int {
	switch {
	case v < min:
		return 0
	case v > max:
		return int(1 + (max-min)/step)
	}
	return int(1 + (v-min)/step)
}

// LinearBounds returns the lowest and the highest value that bucket index of
// lhist(v, min, max, step) counts; math.MinInt64 and math.MaxInt64 stand for
// open ends.
func LinearBounds(index int, min, max, step int64) (low, high int64) {
	if index <= 0 {
		return math.MinInt64, min - 1
	}
	low = min + int64(index-1)*step
	if low+step > max {
		return low, math.MaxInt64
	}
	return low, low + step - 1
}

// Log2Hist makes the Hist of a hist(v, k) from the counts of its buckets, which
// are indexed by Log2Bucket. Missing counts are zero.
func Log2Hist(k uint, counts []uint64) Hist {
	h := Hist{Bits: k}
	first, last := filled(counts)
	for i := first; i <= last; i++ {
		low, high := Log2Bounds(i, k)
		h.Buckets = append(h.Buckets, Bucket{low, high, counts[i]})
	}
	return h
}

// LinearHist makes the Hist of an lhist(v, min, max, step) from the counts of its
// buckets, which are indexed by LinearBucket. Missing counts are zero.
func LinearHist(min, max, step int64, counts []uint64) Hist {
	h := Hist{Linear: true, Min: min, Max: max, Step: step}
	first, last := filled(counts)
	for i := first; i <= last; i++ {
		low, high := LinearBounds(i, min, max, step)
		h.Buckets = append(h.Buckets, Bucket{low, high, counts[i]})
	}
	return h
}

// filled returns the first and the last index of a count that is not zero; last
// is less than first if there is none.
func filled(counts []uint64) (first, last int) {
	last = len(counts) - 1
	for last >= 0 && counts[last] == 0 {
		last--
	}
	for first < last && counts[first] == 0 {
		first++
	}
	return first, last
}

// Total returns the number of values in the histogram.
func (h Hist) Total() uint64 {
	var n uint64
	for _, b := range h.Buckets {
		n += b.Count
	}
	return n
}

// openAbove reports whether the values of b have no upper limit.
func (h Hist) openAbove(b Bucket) bool { return h.Linear && b.High == math.MaxInt64 }

// Label returns the text that stands before bucket b in a printed histogram,
// such as "[1K, 2K)".
func (h Hist) Label(b Bucket) string {
	switch {
	case b.Low == math.MinInt64:
		return "(..., " + h.bound(uint64(b.High)+1) + ")"
	case h.openAbove(b):
		return "[" + h.bound(uint64(b.Low)) + ", ...)"
	case b.Low == b.High && h.plainBounds(b.High):
		return "[" + h.bound(uint64(b.Low)) + "]"
	}
	return "[" + h.bound(uint64(b.Low)) + ", " + h.bound(uint64(b.High)+1) + ")"
}

// plainBounds reports whether a bucket of the single value v is printed as such:
// labels with a suffix have no successor, even where they show none.
func (h Hist) plainBounds(v int64) bool {
	if h.Linear {
		return h.Step%1024 != 0
	}
	return v < 2<<h.Bits
}

// bound formats a limit of a bucket. It is unsigned because the end of the last
// bucket of hist() is 2^63, but the limits of lhist() may be negative.
func (h Hist) bound(v uint64) string {
	if h.Linear {
		return linearLabel(int64(v), h.Step)
	}
	return log2Label(v, h.Bits)
}

func linearLabel(v, step int64) string {
	switch {
	case step%1024 != 0 || v == 0:
	case v%(1<<20) == 0:
		return strconv.FormatInt(v>>20, 10) + "M"
	case v%(1<<10) == 0:
		return strconv.FormatInt(v>>10, 10) + "K"
	}
	return strconv.FormatInt(v, 10)
}

// log2Label shortens v by units of 2^10 where its power of two, counted without
// the k bits below it, is large enough.
func log2Label(v uint64, k uint) string {
	power := bits.Len64(v) - 1 - int(k)
	if power < 10 {
		return strconv.FormatUint(v, 10)
	}
	decade := power / 10
	return strconv.FormatUint(v>>(10*decade), 10) + "KMGTPE"[decade-1:decade]
}

// barWidth is the number of columns of a histogram's longest bar.
const barWidth = 52

const fullBar = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@" // barWidth of them

func appendHist(dst []byte, h Hist) []byte {
	var max uint64
	for _, b := range h.Buckets {
		if b.Count > max {
			max = b.Count
		}
	}
	for _, b := range h.Buckets {
		dst = appendPadded(dst, h.Label(b), -16)
		dst = appendPadded(dst, strconv.FormatUint(b.Count, 10), 8)
		dst = append(dst, " |"...)
		dst = appendPadded(dst, fullBar[:barLength(b.Count, max)], -barWidth)
		dst = append(dst, "|\n"...)
	}
	return dst
}

// barLength computes in 32 bits because the last column depends on it.
func barLength(count, max uint64) int {
	if max == 0 {
		return 0
	}
	return int(float32(count) / float32(max) * barWidth)
}

// appendPadded appends s and spaces up to width bytes: before s, or after it if
// width is negative.
func appendPadded(dst []byte, s string, width int) []byte {
	if width < 0 {
		dst = append(dst, s...)
		return appendSpaces(dst, -width-len(s))
	}
	dst = appendSpaces(dst, width-len(s))
	return append(dst, s...)
}

func appendSpaces(dst []byte, n int) []byte {
	for ; n > 0; n-- {
		dst = append(dst, ' ')
	}
	return dst
}

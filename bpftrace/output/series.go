package output

import (
	"strconv"
	"time"
)

// graphWidth is the number of columns of a time series' graph with its frame.
const graphWidth = 53

const (
	seriesTop    = "___________________________________________________" // graphWidth less the frame
	seriesBottom = "v" + seriesTop + "v"
)

// graph is a time series about to be drawn.
type graph struct {
	TSeries
	min, max int64
	digits   int    // of the fraction of a second
	unit     string // heads the fraction
	loc      *time.Location
}

func appendSeries(dst []byte, s TSeries, loc *time.Location) []byte {
	if len(s.Points) == 0 {
		return append(dst, "<no data>"...)
	}
	g := graph{TSeries: s, loc: loc}
	g.setRange()
	g.setUnit()
	dst = g.appendScale(dst, g.timeWidth()+1)
	dst = appendPadded(dst, g.title(), -g.timeWidth()-1)
	dst = append(dst, "|"+seriesTop+"|\n"...)
	zero := g.zeroColumn()
	for _, p := range s.Points {
		dst = g.appendPoint(dst, p, zero)
	}
	dst = appendSpaces(dst, g.timeWidth()+1)
	dst = append(dst, seriesBottom+"\n"...)
	return g.appendScale(dst, g.timeWidth()+1)
}

// setRange finds the ends of the scale; one value alone stands in its middle.
func (g *graph) setRange() {
	g.min, g.max = g.Points[0].Value, g.Points[0].Value
	for _, p := range g.Points {
		if p.Count == 0 {
			continue
		}
		if g.less(p.Value, g.min) {
			g.min = p.Value
		}
		if g.less(g.max, p.Value) {
			g.max = p.Value
		}
	}
	if g.min != g.max {
		return
	}
	if g.less(g.min-1, g.min) {
		g.min--
	}
	if g.less(g.max, g.max+1) {
		g.max++
	}
}

func (g *graph) less(a, b int64) bool {
	if g.Unsigned {
		return uint64(a) < uint64(b)
	}
	return a < b
}

// setUnit chooses the fraction of a second by the mean distance of the points,
// as they are printed: a single point has none and gets nanoseconds.
func (g *graph) setUnit() {
	n := len(g.Points)
	interval := g.Points[n-1].Start - g.Points[0].Start
	if n > 1 {
		interval /= int64(n - 1)
	}
	switch {
	case interval >= 1e9:
	case interval >= 1e6:
		g.digits, g.unit = 3, "ms"
	case interval >= 1e3:
		g.digits, g.unit = 6, "μs"
	default:
		g.digits, g.unit = 9, "ns"
	}
}

func (g *graph) title() string {
	if g.digits == 0 {
		return "hh:mm:ss"
	}
	return "hh:mm:ss." + g.unit
}

// timeWidth is the width of a time of day with its fraction.
func (g *graph) timeWidth() int {
	if g.digits == 0 {
		return 8
	}
	return 9 + g.digits
}

func (g *graph) number(v int64) string {
	if g.Unsigned {
		return strconv.FormatUint(uint64(v), 10)
	}
	return strconv.FormatInt(v, 10)
}

func (g *graph) appendScale(dst []byte, indent int) []byte {
	const left = 21 // columns of the lower end
	dst = appendSpaces(dst, indent)
	dst = appendPadded(dst, g.number(g.min), -left)
	dst = appendPadded(dst, g.number(g.max), graphWidth-left)
	return append(dst, '\n')
}

func (g *graph) appendPoint(dst []byte, p Point, zero int) []byte {
	t := time.Unix(0, p.Start).In(g.loc)
	dst = t.AppendFormat(dst, "15:04:05")
	if g.digits > 0 {
		dst = t.AppendFormat(dst, ".000000000"[:1+g.digits])
	}
	dst = append(dst, ' ')
	at := len(dst)
	dst = appendSpaces(dst, graphWidth)
	line := dst[at:]
	line[0], line[graphWidth-1] = '|', '|'
	if zero > 0 {
		line[zero] = '.'
	}
	if p.Count == 0 {
		return append(dst, " -\n"...)
	}
	line[g.column(p.Value)] = '*'
	dst = append(dst, ' ')
	dst = append(dst, g.number(p.Value)...)
	return append(dst, '\n')
}

// zeroColumn returns the column of the value 0, or 0 if it is not inside.
func (g *graph) zeroColumn() int {
	if g.Unsigned || g.min >= 0 || g.max <= 0 {
		return 0
	}
	return int(float32(graphWidth) * float32(g.min) / float32(g.min-g.max))
}

// column computes in 32 bits, like barLength.
func (g *graph) column(v int64) int {
	if g.min == g.max {
		return graphWidth / 2
	}
	c := int(float32(graphWidth-1) * float32(g.min-v) / float32(g.min-g.max))
	return min(max(c, 0), graphWidth-1)
}

package output

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// decodeMap decodes a record whose data has one member, named like the map.
func (d *Decoder) decodeMap(n, data *node) Event {
	m := &MapDump{Name: data.names[0], Dropped: n.uint("dropped", 10), Omitted: int(n.int("omitted"))}
	content := &data.list[0]
	shape, known := d.opts.Maps[m.Name]
	if !known {
		shape = guessMap(n.str("type"), content)
	}
	m.Kind, m.Scalar, m.ValueKind = shape.Kind, shape.Scalar, shape.Value.Kind
	m.KeyKinds = partKinds(shape.Key)
	if m.Scalar {
		m.Entries = []Entry{{Value: d.mapValue(content, shape)}}
	} else {
		m.Entries = d.mapEntries(content, shape)
	}
	readTyped(n, m)
	return m
}

func (d *Decoder) mapEntries(content *node, shape MapShape) []Entry {
	key := shape.Key
	if key.Kind == KindNone {
		key.Kind = guessKey(content.names)
	}
	entries := make([]Entry, len(content.names))
	for i, text := range content.names {
		entries[i] = Entry{decodeKey(text, key), d.mapValue(&content.list[i], shape)}
	}
	return entries
}

func partKinds(key Shape) []Kind {
	switch {
	case key.Kind == KindNone:
		return nil
	case key.Kind != KindTuple:
		return []Kind{key.Kind}
	}
	kinds := make([]Kind, len(key.Parts))
	for i, p := range key.Parts {
		kinds[i] = p.Kind
	}
	return kinds
}

// readTyped replaces keys and values by their typed form, where a JSONEncoder
// has written it.
func readTyped(n *node, m *MapDump) {
	if v := n.get("value"); v != nil && m.Scalar && len(m.Entries) == 1 {
		m.Entries[0].Value = typedValue(v)
	}
	keys, values := typedList(n.get("keys")), typedList(n.get("values"))
	for i := range m.Entries {
		if len(keys) == len(m.Entries) {
			m.Entries[i].Key = keys[i]
		}
		if len(values) == len(m.Entries) {
			m.Entries[i].Value = values[i]
		}
	}
}

// guessMap finds the shape of a map in its record.
func guessMap(kind string, content *node) MapShape {
	first := content
	var s MapShape
	switch kind {
	case "hist", "lhist", "tseries":
		s.Scalar = content.kind == '['
	case "stats":
		s.Scalar = content.kind != '{' || isStats(content)
	default:
		s.Scalar = content.kind != '{'
	}
	if !s.Scalar && len(content.list) > 0 {
		first = &content.list[0]
	}
	switch kind {
	case "hist", "lhist":
		s.Kind = MapHist
		if looksLinear(content, s.Scalar) {
			s.Kind = MapLhist
		}
	case "tseries":
		s.Kind = MapTSeries
	case "stats":
		s.Kind = MapAvg
		if isStats(first) {
			s.Kind = MapStats
		}
	}
	return s
}

func isStats(n *node) bool {
	return n.kind == '{' && len(n.names) == 3 && n.names[0] == "count" && n.list[0].kind != '{'
}

// looksLinear reports whether any histogram in a record cannot be one of
// hist(): one with an open end above, or with other limits than its buckets'.
func looksLinear(content *node, scalar bool) bool {
	if !scalar {
		for i := range content.list {
			if looksLinear(&content.list[i], true) {
				return true
			}
		}
		return false
	}
	for i := range content.list {
		b := bucket(&content.list[i], 10)
		if content.list[i].get("max") == nil {
			return true
		}
		if low, high := Log2Bounds(Log2Bucket(b.High, MaxHistBits), MaxHistBits); high != b.High || low < b.Low {
			return true
		}
	}
	return false
}

func bucket(n *node, base int) Bucket {
	b := Bucket{Low: math.MinInt64, High: math.MaxInt64, Count: n.uint("count", base)}
	if n.get("min") != nil {
		b.Low = n.int("min")
	}
	if n.get("max") != nil {
		b.High = n.int("max")
	}
	return b
}

// mapValue decodes what a map holds for one key.
func (d *Decoder) mapValue(n *node, s MapShape) Value {
	switch s.Kind {
	case MapHist, MapLhist:
		return d.hist(n, s)
	case MapTSeries:
		return d.series(n)
	case MapAvg:
		v := decodeValue(n, Shape{})
		_, unsigned := v.(Uint)
		return Stats{Avg: true, Average: integer(v), Unsigned: unsigned}
	case MapStats:
		total, average := decodeValue(orNull(n.get("total")), Shape{}), decodeValue(orNull(n.get("average")), Shape{})
		_, unsigned := total.(Uint)
		return Stats{Count: n.uint("count", 10), Total: integer(total), Average: integer(average), Unsigned: unsigned}
	}
	return decodeValue(n, s.Value)
}

func orNull(n *node) *node {
	if n == nil {
		return &node{kind: 'n'}
	}
	return n
}

func (d *Decoder) hist(n *node, s MapShape) Hist {
	h := Hist{Linear: s.Kind == MapLhist, Bits: s.Bits, Min: s.Min, Max: s.Max, Step: s.Step}
	for i := range n.list {
		h.Buckets = append(h.Buckets, bucket(&n.list[i], d.base()))
	}
	if h.Linear && h.Step == 0 {
		h.guessRange()
	}
	if !h.Linear && h.Bits == 0 {
		h.guessBits()
	}
	return h
}

// guessRange finds the arguments of lhist() in its buckets, as far as they show.
func (h *Hist) guessRange() {
	for _, b := range h.Buckets {
		switch {
		case b.Low == math.MinInt64:
			h.Min = b.High + 1
		case b.High == math.MaxInt64:
			h.Max = b.Low
		default:
			h.Step = b.High - b.Low + 1
			h.Max = b.High + 1
		}
	}
	if h.Step == 0 {
		h.Step = 1
	}
}

// guessBits finds the smallest number of bits that explains all limits.
func (h *Hist) guessBits() {
	for k := uint(0); k <= MaxHistBits; k++ {
		h.Bits = k
		if h.fitsBits(k) {
			return
		}
	}
	h.Bits = 0
}

func (h *Hist) fitsBits(k uint) bool {
	for _, b := range h.Buckets {
		if low, high := Log2Bounds(Log2Bucket(b.High, k), k); low != b.Low || high != b.High {
			return false
		}
	}
	return true
}

// maxGaps bounds the empty intervals that are put back into a series.
const maxGaps = 10_000

func (d *Decoder) series(n *node) TSeries {
	var s TSeries
	for i := range n.list {
		p := &n.list[i]
		t, err := time.Parse("2006-01-02 15:04:05", p.str("interval_start"))
		if err != nil {
			continue
		}
		point := Point{Start: t.UnixNano(), Count: 1}
		switch v := d.seriesValue(p.get("value")).(type) {
		case Int:
			point.Value = int64(v)
		case Uint:
			point.Value, s.Unsigned = int64(v), true
		}
		s.Points = append(s.Points, point)
	}
	s.fillGaps()
	return s
}

// seriesValue decodes a number in the base in which counts are written.
func (d *Decoder) seriesValue(n *node) Value {
	if n != nil && n.kind == '0' && d.hex {
		if v, err := strconv.ParseUint(n.text, 16, 64); err == nil {
			return Int(v) // a negative number is printed as its bits
		}
	}
	return decodeValue(orNull(n), Shape{})
}

// fillGaps finds the interval and adds the points that hold no value.
func (s *TSeries) fillGaps() {
	for i := 1; i < len(s.Points); i++ {
		s.Interval = gcd(s.Interval, s.Points[i].Start-s.Points[i-1].Start)
	}
	if len(s.Points) < 2 || s.Interval <= 0 {
		return
	}
	span := s.Points[len(s.Points)-1].Start - s.Points[0].Start
	if span/s.Interval > maxGaps {
		return
	}
	var all []Point
	for _, p := range s.Points {
		for len(all) > 0 && all[len(all)-1].Start+s.Interval < p.Start {
			all = append(all, Point{Start: all[len(all)-1].Start + s.Interval})
		}
		all = append(all, p)
	}
	s.Points = all
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// guessKey returns KindInt if all keys are integers as they are printed.
func guessKey(keys []string) Kind {
	for _, k := range keys {
		if _, ok := parseInteger(k); !ok {
			return KindString
		}
	}
	return KindInt
}

// parseInteger parses a decimal number that is written as it would be printed.
func parseInteger(s string) (Value, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return Int(n), strconv.FormatInt(n, 10) == s
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return Uint(n), strconv.FormatUint(n, 10) == s
	}
	return nil, false
}

// keySteps bounds the readings of a key that are tried.
const keySteps = 10_000

// keyReader cuts the text of a key into its parts.
type keyReader struct{ steps int }

// decodeKey decodes the text of a key. Strings in a tuple may hold commas: the
// first reading in which every part fits is taken.
func decodeKey(text string, s Shape) Value {
	r := keyReader{keySteps}
	var v Value
	var ok bool
	if s.Kind == KindTuple {
		var parts []Value
		parts, ok = r.split(text, s.Parts)
		v = Tuple(parts)
	} else {
		v, ok = r.part(text, s)
	}
	if !ok {
		return String{Text: text}
	}
	return v
}

// split finds a way to cut text at commas into parts of the given shapes.
func (r *keyReader) split(text string, shapes []Shape) ([]Value, bool) {
	if len(shapes) == 0 {
		return nil, text == ""
	}
	if len(shapes) == 1 {
		v, ok := r.part(text, shapes[0])
		return []Value{v}, ok
	}
	for at := 0; at < len(text) && r.steps > 0; at++ {
		if text[at] != ',' {
			continue
		}
		v, ok := r.part(text[:at], shapes[0])
		if !ok {
			continue
		}
		if rest, ok := r.split(text[at+1:], shapes[1:]); ok {
			return append([]Value{v}, rest...), true
		}
	}
	return nil, false
}

// part decodes one part if its text fits the shape.
func (r *keyReader) part(text string, s Shape) (Value, bool) {
	r.steps--
	switch s.Kind {
	case KindInt, KindUint:
		v, ok := parseInteger(text)
		if n, isInt := v.(Int); isInt && s.Kind == KindUint && n >= 0 {
			v = Uint(n)
		}
		return v, ok
	case KindBool:
		return Bool(text == "true"), text == "true" || text == "false"
	case KindPointer:
		n, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
		return Pointer(n), err == nil
	case KindTuple:
		if len(text) < 2 || text[0] != '(' || text[len(text)-1] != ')' {
			return nil, false
		}
		parts, ok := r.split(text[1:len(text)-1], s.Parts)
		return Tuple(parts), ok
	case KindStack:
		return parseStack(text)
	}
	return textValue(text, s.Kind), true
}

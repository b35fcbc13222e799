package session

import "bytes"

// maxLine is where a line that does not end is cut, in bytes.
const maxLine = 64 << 10

// line is a line of output, and whether it shows a map that was printed.
type line struct {
	text string
	dump bool
}

// lines is a bounded buffer of text lines: an io.Writer that keeps the newest
// max bytes, numbers lines from 0 and counts what it dropped.
type lines struct {
	max     int
	ring    []line
	head    int // index of the oldest kept line
	n       int // kept lines
	total   int64
	bytes   int   // of kept lines
	written int64 // bytes of all lines that ended
	partial []byte
	dump    bool // what is written now shows a map
}

// Write takes rendered output. It never fails.
func (l *lines) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			l.hold(rest)
			break
		}
		if len(l.partial) == 0 {
			l.add(string(rest[:i]))
		} else {
			l.partial = append(l.partial, rest[:i]...)
			l.flush()
		}
		rest = rest[i+1:]
	}
	return len(p), nil
}

// hold keeps text whose line has not ended yet.
func (l *lines) hold(p []byte) {
	l.partial = append(l.partial, p...)
	if len(l.partial) >= maxLine {
		l.flush()
	}
}

// flush makes a line of the text that has none yet.
func (l *lines) flush() {
	if len(l.partial) > 0 {
		l.add(string(l.partial))
		l.partial = l.partial[:0]
	}
}

func (l *lines) add(s string) {
	if l.n == len(l.ring) {
		l.grow()
	}
	l.ring[(l.head+l.n)%len(l.ring)] = line{s, l.dump}
	l.n++
	l.total++
	l.written += int64(len(s)) + 1
	l.bytes += cost(s)
	for l.bytes > l.max && l.n > 1 {
		l.drop()
	}
}

func (l *lines) drop() {
	l.bytes -= cost(l.ring[l.head].text)
	l.ring[l.head] = line{}
	l.head = (l.head + 1) % len(l.ring)
	l.n--
}

func (l *lines) grow() {
	ring := make([]line, max(64, 2*len(l.ring)))
	for i := range l.n {
		ring[i] = l.ring[(l.head+i)%len(l.ring)]
	}
	l.ring, l.head = ring, 0
}

// first is the number of the oldest kept line.
func (l *lines) first() int64 { return l.total - int64(l.n) }

// at returns line number i, which must be kept.
func (l *lines) at(i int64) line {
	return l.ring[(l.head+int(i-l.first()))%len(l.ring)]
}

// release forgets all lines and keeps the numbering.
func (l *lines) release() { *l = lines{max: l.max, total: l.total, written: l.written} }

// cost is what keeping s takes, its header included.
func cost(s string) int { return len(s) + 24 }

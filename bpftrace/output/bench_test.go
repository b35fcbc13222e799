package output

import (
	"fmt"
	"io"
	"testing"
)

// BenchmarkFormat measures printf, which an engine calls for every event.
func BenchmarkFormat(b *testing.B) {
	comm := []byte("some-command")
	for _, c := range []struct{ name, format string }{
		{"plain", "%s %d %lu\n"},
		{"padded", "%-16s %6d %-20lu %x\n"},
	} {
		f, err := Compile(c.format)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name+"/raw", func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst = f.AppendLiteral(dst[:0], 0)
				dst = f.AppendString(dst, 0, comm, false)
				dst = f.AppendLiteral(dst, 1)
				dst = f.AppendInt(dst, 1, 12345)
				dst = f.AppendLiteral(dst, 2)
				dst = f.AppendUint(dst, 2, 123456789012345)
				for i := 3; i <= len(f.verbs); i++ {
					dst = f.AppendLiteral(dst, i)
					if i < len(f.verbs) {
						dst = f.AppendUint(dst, i, 0xfeed)
					}
				}
			}
		})
		b.Run(c.name+"/values", func(b *testing.B) {
			b.ReportAllocs()
			args := []Value{str("some-command"), Int(12345), Uint(123456789012345), Uint(0xfeed)}
			var dst []byte
			for b.Loop() {
				dst = f.Append(dst[:0], args)
			}
		})
	}
}

func benchMap(n int) *MapDump {
	m := &MapDump{Name: "@lat", Kind: MapCount}
	for i := range n {
		m.Entries = append(m.Entries, Entry{Tuple{Int(i), str(fmt.Sprint("comm", i%100))}, Uint(i * 7919 % 10007)})
	}
	return m
}

func BenchmarkMap(b *testing.B) {
	m := benchMap(4096)
	b.Run("arrange", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c := *m
			c.Entries = append([]Entry(nil), m.Entries...)
			c.Arrange(0, 0)
		}
	})
	b.Run("text", func(b *testing.B) { benchEncode(b, NewTextEncoder(io.Discard, nil, nil), m) })
	b.Run("json", func(b *testing.B) { benchEncode(b, NewJSONEncoder(io.Discard, nil), m) })
	b.Run("typed", func(b *testing.B) { benchEncode(b, NewJSONEncoder(io.Discard, &JSONOptions{Typed: true}), m) })
}

func BenchmarkPrintfEvent(b *testing.B) {
	ev := &Printf{Text: "some-command 12345 123456789012345\n"}
	b.Run("text", func(b *testing.B) { benchEncode(b, NewTextEncoder(io.Discard, nil, nil), ev) })
	b.Run("json", func(b *testing.B) { benchEncode(b, NewJSONEncoder(io.Discard, nil), ev) })
}

func benchEncode(b *testing.B, enc interface{ Encode(Event) error }, ev Event) {
	b.ReportAllocs()
	for b.Loop() {
		if err := enc.Encode(ev); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	line := `{"type": "printf", "data": "some-command 12345 123456789012345\n"}` + "\n"
	b.ReportAllocs()
	d := NewDecoder(&repeat{text: line}, nil)
	for b.Loop() {
		if _, err := d.Decode(); err != nil {
			b.Fatal(err)
		}
	}
}

// repeat reads the same text for ever.
type repeat struct {
	text string
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}

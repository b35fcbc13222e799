package output

import (
	"errors"
	"reflect"
	"testing"
)

func wireSamples() []Event {
	var events []Event
	for _, c := range append(oracles(), samples()...) {
		events = append(events, c.events...)
	}
	return append(events, benchMap(50))
}

func TestWire(t *testing.T) {
	var data []byte
	want := wireSamples()
	for _, ev := range want {
		data = AppendEvent(data, ev)
	}
	seen := map[uint64]bool{}
	for i, ev := range want {
		got, rest, err := ReadEvent(data)
		if err != nil {
			t.Fatalf("event %d, %#v: %v", i, ev, err)
		}
		if !reflect.DeepEqual(got, ev) {
			t.Errorf("got %#v, want %#v", got, ev)
		}
		data = rest
		seen[tagOf(ev)] = true
	}
	if len(data) > 0 {
		t.Errorf("%d bytes are left", len(data))
	}
	for tag := uint64(1); newEvent(tag) != nil; tag++ {
		if !seen[tag] {
			t.Errorf("no sample of %T", newEvent(tag))
		}
		if tagOf(newEvent(tag)) != tag {
			t.Errorf("tag %d makes an event of tag %d", tag, tagOf(newEvent(tag)))
		}
	}
}

// TestSamplesCoverKinds keeps the tests of this package complete: every kind of
// value is in a sample.
func TestSamplesCoverKinds(t *testing.T) {
	seen := map[Kind]bool{}
	var visit func(v Value)
	visit = func(v Value) {
		seen[KindOf(v)] = true
		switch v := v.(type) {
		case Tuple:
			for _, p := range v {
				visit(p)
			}
		case Record:
			for _, f := range v.Fields {
				visit(f.Value)
			}
		}
	}
	for _, ev := range wireSamples() {
		switch ev := ev.(type) {
		case *PrintValue:
			visit(ev.Value)
		case *MapDump:
			for _, e := range ev.Entries {
				visit(e.Key)
				visit(e.Value)
			}
		}
	}
	for k := KindNone; k <= KindCgroupPath; k++ {
		if !seen[k] {
			t.Errorf("kind %d is in no sample", k)
		}
	}
}

func TestWireDamage(t *testing.T) {
	whole := AppendEvent(nil, benchMap(3))
	for n := range whole {
		if _, _, err := ReadEvent(whole[:n]); !errors.Is(err, ErrWire) {
			t.Errorf("%d of %d bytes: error %v", n, len(whole), err)
		}
	}
	deep := Value(Int(1))
	for range maxDepth + 1 {
		deep = Tuple{deep}
	}
	if _, _, err := ReadEvent(AppendEvent(nil, &PrintValue{Value: deep})); !errors.Is(err, ErrWire) {
		t.Errorf("deep value: error %v", err)
	}
}

func FuzzReadEvent(f *testing.F) {
	for _, ev := range wireSamples() {
		f.Add(AppendEvent(nil, ev))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ev, _, err := ReadEvent(data)
		if err != nil {
			return
		}
		again, rest, err := ReadEvent(AppendEvent(nil, ev))
		if err != nil || len(rest) > 0 || !reflect.DeepEqual(again, ev) {
			t.Fatalf("%#v comes back as %#v, %v", ev, again, err)
		}
		encodeText(t, []Event{ev}, nil)
		encodeJSON(t, []Event{ev}, true)
	})
}

func BenchmarkWire(b *testing.B) {
	for _, c := range []struct {
		name string
		ev   Event
	}{{"printf", &Printf{Text: "some-command 12345 123456789012345\n"}}, {"map", benchMap(4096)}} {
		b.Run(c.name+"/append", func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst = AppendEvent(dst[:0], c.ev)
			}
			b.SetBytes(int64(len(dst)))
		})
		b.Run(c.name+"/read", func(b *testing.B) {
			b.ReportAllocs()
			data := AppendEvent(nil, c.ev)
			for b.Loop() {
				if _, _, err := ReadEvent(data); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(data)))
		})
	}
}

package syntax

import (
	"fmt"
	"strings"
	"testing"
)

// TestCDefs runs testdata/cdefs.txt: C definitions and what they are read as.
func TestCDefs(t *testing.T) {
	golden(t, "cdefs.txt", func(t *testing.T, program string) string {
		f, ds := Parse(NewSource("example.bt", program), nil)
		var b strings.Builder
		if err := RenderText(&b, ds); err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *CDef:
				writeCDef(&b, "", d)
			case *Preproc:
				state := ""
				if d.Inactive {
					state = " (switched off)"
				}
				fmt.Fprintf(&b, "#%s %q%s\n", d.Directive, d.Rest, state)
			}
		}
		return b.String()
	})
}

func writeCDef(b *strings.Builder, indent string, d *CDef) {
	fmt.Fprintf(b, "%s%s %q", indent, d.Kind, d.Name)
	writeAttributes(b, d.Packed, d.Align)
	for _, e := range d.Enums {
		fmt.Fprintf(b, "%s  %s = %d\n", indent, e.Name, e.Value)
	}
	for _, m := range d.Members {
		fmt.Fprintf(b, "%s  %q: %s", indent, m.Name, strings.Repeat("*", m.Pointers))
		for _, n := range m.Dims {
			fmt.Fprintf(b, "[%d]", n)
		}
		fmt.Fprintf(b, " %s", strings.TrimSpace(m.Type.Tag+" "+m.Type.Name))
		if m.Bits >= 0 {
			fmt.Fprintf(b, ", %d bits", m.Bits)
		}
		if m.FuncPtr {
			b.WriteString(", function pointer")
		}
		writeAttributes(b, m.Packed, m.Align)
		if m.Type.Def != nil {
			writeCDef(b, indent+"    ", m.Type.Def)
		}
	}
}

func writeAttributes(b *strings.Builder, packed bool, align int) {
	if packed {
		b.WriteString(", packed")
	}
	if align != 0 {
		fmt.Fprintf(b, ", aligned to %d", align)
	}
	b.WriteByte('\n')
}

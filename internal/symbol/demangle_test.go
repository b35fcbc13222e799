package symbol

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestDemangle(t *testing.T) {
	data, err := os.ReadFile("testdata/demangle.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		name, want, ok := strings.Cut(strings.TrimSpace(line), " => ")
		if !ok || name[0] == '#' {
			continue
		}
		got, ok := Demangle(name)
		if !ok {
			got = "-"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		if filt := cxxfilt(t, name); len(filt) == 1 && filt[0] != got && got != "-" {
			t.Errorf("%s: got %s, c++filt has %s", name, got, filt[0])
		}
	}
}

// cxxfilt demangles names by the GNU tool; nothing where that is absent.
func cxxfilt(t *testing.T, names ...string) []string {
	t.Helper()
	if _, err := exec.LookPath("c++filt"); err != nil {
		t.Log("c++filt is not here to compare with")
		return nil
	}
	cmd := exec.Command("c++filt", "-i", "--format=gnu-v3")
	cmd.Stdin = strings.NewReader(strings.Join(names, "\n") + "\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

func TestDemangleAgreesWithCxxfilt(t *testing.T) {
	path, err := ResolveBinary("libstdc++", 0)
	if err != nil {
		t.Skip(err)
	}
	funcs, err := open(t, path).Functions("_Z*")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range funcs {
		names = append(names, f.Name)
	}
	want := cxxfilt(t, names...)
	if len(want) != len(names) || len(names) < 1000 {
		t.Skipf("needs c++filt and the symbols of libstdc++: %d and %d", len(want), len(names))
	}
	differ := 0
	for i, name := range names {
		if got, _ := Demangle(name); got != want[i] {
			if differ++; differ < 5 {
				t.Logf("%s: got %s, want %s", name, got, want[i])
			}
		}
	}
	if differ*200 > len(names) {
		t.Errorf("%d of %d names differ", differ, len(names))
	}
}

func TestWithoutParameters(t *testing.T) {
	for full, want := range map[string]string{
		"ns::f(int)":                     "ns::f",
		"ns::S::get() const":             "ns::S::get",
		"ns::f(void (*)(int), ns::S&)":   "ns::f",
		"A::operator()(int) const":       "A::operator()",
		"main::{lambda(int)#1}::run()":   "main::{lambda(int)#1}::run",
		"(anonymous namespace)::inner()": "(anonymous namespace)::inner",
		"vtable for x":                   "vtable for x",
	} {
		if got := withoutParameters(full); got != want {
			t.Errorf("%s: got %s, want %s", full, got, want)
		}
	}
	for short, want := range map[string]string{
		"int max<int>":                       "max<int>",
		"std::vector<int, int>& ns::g<long>": "ns::g<long>",
		"A::operator bool":                   "A::operator bool",
		"ns::f":                              "ns::f",
	} {
		if got := withoutReturnType(short); got != want {
			t.Errorf("%s: got %s, want %s", short, got, want)
		}
	}
}

// Names that grow exponentially, or nest without end, are given up early.
func TestDemangleBounds(t *testing.T) {
	double := "_Z1f1AIS_S_E"
	for i := range 60 {
		_ = i
		double += "1AIS_S_E"
	}
	blowUp := "_Z1fSt4pairIiiE" + strings.Repeat("St4pairIS0_S0_E", 3)
	for n := 1; n < 40; n++ {
		s := "S" + strings.ToUpper(base36(n)) + "_"
		blowUp += "St4pairI" + s + s + "E"
	}
	for _, name := range []string{
		double, blowUp, "_Z1f" + strings.Repeat("P", 10000) + "i", "_Z1f" + strings.Repeat("N1A", 5000), "_Z1fIX" + strings.Repeat("pl", 5000),
		"_Z" + strings.Repeat("Z1f", 5000), "_Z1f" + strings.Repeat("F", 5000) + "i", "_Z1fI" + strings.Repeat("J", 8000),
	} {
		if text, ok := Demangle(name); ok && len(text) > 2*maxDemangled {
			t.Errorf("%.40s...: %d bytes", name, len(text))
		}
	}
}

func base36(n int) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	if n < 36 {
		return digits[n : n+1]
	}
	return base36(n/36) + digits[n%36:n%36+1]
}

func FuzzDemangle(f *testing.F) {
	data, err := os.ReadFile("testdata/demangle.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " => ")
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		text, ok := Demangle(name)
		if ok == (text == "") || len(text) > 4*maxDemangled {
			t.Errorf("%q: %d bytes, %v", name, len(text), ok)
		}
	})
}

func BenchmarkDemangle(b *testing.B) {
	var d demangler
	b.ReportAllocs()
	for b.Loop() {
		d.demangle("_ZStlsISt11char_traitsIcEERSt13basic_ostreamIcT_ES5_PKc")
	}
}

package syntax

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// findings returns everything that this package has to say about a program.
func findings(text string) Diagnostics {
	f, ds := Parse(NewSource("example.bt", text), nil)
	Inspect(f, func(n Node) bool {
		if ap, ok := n.(*AttachPoint); ok && !ap.Bad {
			if a, _ := ParseAttachPoint(ap, nil); a != nil {
				ds = append(ds, a.Validate("")...)
			}
		}
		return true
	})
	return ds
}

func TestCodeExamples(t *testing.T) {
	for _, c := range Codes() {
		t.Run(string(c.Code), func(t *testing.T) {
			if c.Code == CodeInternal {
				return // a program that shows it would be a defect
			}
			bad := findings(c.Bad)
			if len(bad) == 0 || bad[0].Code != c.Code {
				t.Errorf("%.80q gives %v", c.Bad, bad)
			}
			if good := findings(c.Good); len(good) > 0 {
				t.Errorf("%.80q gives %v", c.Good, good)
			}
			for _, d := range bad {
				if d.Why == "" {
					t.Errorf("%.80q: no reason is given for %q", c.Bad, d.Message)
				}
			}
		})
	}
}

func TestCodesAreComplete(t *testing.T) {
	src, err := os.ReadFile("codes.go")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[Code]bool{}
	for _, c := range Codes() {
		if documented[c.Code] {
			t.Errorf("%s is documented twice", c.Code)
		}
		documented[c.Code] = true
		if c.Title == "" || c.Meaning == "" || strings.ToLower(string(c.Code)) != string(c.Code) {
			t.Errorf("the row of %s is incomplete", c.Code)
		}
	}
	all := regexp.MustCompile(`(?m)^\tCode\w+\s+Code = "(.*)"$`).FindAllStringSubmatch(string(src), -1)
	for _, m := range all {
		if !documented[Code(m[1])] {
			t.Errorf("%s is not documented", m[1])
		}
	}
	if len(all) != len(documented) {
		t.Errorf("%d codes, %d documented", len(all), len(documented))
	}
}

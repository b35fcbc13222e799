package check

import "github.com/mcptrace/mcptrace/bpftrace/syntax"

// Options change how Check works. The zero value is right for a program of
// upstream's current version in safe mode.
type Options struct {
	Unsafe     bool
	Params     []string                                  // $1, $2, ...
	Named      map[string]string                         // --name=value for getopt
	Env        map[string]string                         // BPFTRACE_* settings; nil means none
	PID        int                                       // of -p; 0 means none
	HasChild   bool                                      // -c was given: cpid is known
	SyntaxOnly bool                                      // attach points, macros and C definitions only; no types
	Import     func(path string) (*syntax.Source, error) // reads an imported .bt file; nil refuses imports
}

// Settings are the values of the config keys after the config block and the
// environment were applied. Sizes are in bytes.
type Settings struct {
	MaxStrlen         int
	MaxMapKeys        int
	MaxProbes         int
	MaxBPFProgs       int
	MaxCatBytes       int
	OnStackLimit      int
	PerfRBPages       int
	LogSize           int
	StackMode         StackMode
	StrTruncTrailer   string
	MissingProbes     string // "error", "warn" or "ignore"
	PrintMapsOnExit   bool
	CacheUserSymbols  string
	CppDemangle       bool
	LazySymbolication bool
	License           string
}

package check

import (
	"slices"
	"sort"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// ConfigKey is a row of the table of settings.
type ConfigKey struct {
	Name    string
	Kind    ConfigKind
	Default string
	Doc     string
	set     func(*Settings, configValue) bool // nil for keys without effect here
}

// ConfigKind is the kind of a setting's value.
type ConfigKind uint8

// The kinds of settings.
const (
	ConfigInt ConfigKind = iota
	ConfigBool
	ConfigWord
	ConfigUnstable // enable, warn or error
)

type configValue struct {
	n int
	b bool
	s string
}

// ConfigKeys returns the table of settings.
func ConfigKeys() []ConfigKey { return configKeys }

var configKeys = []ConfigKey{
	{"cache_user_symbols", ConfigWord, "PER_PID", "how long symbols of a program are kept: PER_PID, PER_PROGRAM or NONE", func(s *Settings, v configValue) bool {
		s.CacheUserSymbols = v.s
		return v.s == "PER_PID" || v.s == "PER_PROGRAM" || v.s == "NONE" || v.s == "0" || v.s == "1"
	}},
	{"cpp_demangle", ConfigBool, "true", "show C++ names as they were written", func(s *Settings, v configValue) bool { s.CppDemangle = v.b; return true }},
	{"lazy_symbolication", ConfigBool, "false", "look user symbols up when they are printed", func(s *Settings, v configValue) bool { s.LazySymbolication = v.b; return true }},
	{"license", ConfigWord, "GPL", "license of the BPF programs", func(s *Settings, v configValue) bool { s.License = v.s; return validLicense(v.s) }},
	{"log_size", ConfigInt, "1000000", "bytes kept of the verifier's log", func(s *Settings, v configValue) bool { s.LogSize = v.n; return true }},
	{"max_bpf_progs", ConfigInt, "1024", "BPF programs at most", func(s *Settings, v configValue) bool { s.MaxBPFProgs = v.n; return true }},
	{"max_cat_bytes", ConfigInt, "10240", "bytes that cat() prints at most", func(s *Settings, v configValue) bool { s.MaxCatBytes = v.n; return true }},
	{"max_map_keys", ConfigInt, "4096", "keys of a map at most", func(s *Settings, v configValue) bool { s.MaxMapKeys = v.n; return true }},
	{"max_probes", ConfigInt, "1024", "attach points at most", func(s *Settings, v configValue) bool { s.MaxProbes = v.n; return true }},
	{"max_strlen", ConfigInt, "1024", "bytes of a string at most", func(s *Settings, v configValue) bool { s.MaxStrlen = v.n; return true }},
	{"on_stack_limit", ConfigInt, "32", "bytes of a value that is kept on the BPF stack", func(s *Settings, v configValue) bool { s.OnStackLimit = v.n; return true }},
	{"perf_rb_pages", ConfigInt, "0", "pages of the output buffer; 0 chooses", func(s *Settings, v configValue) bool { s.PerfRBPages = v.n; return true }},
	{"stack_mode", ConfigWord, "bpftrace", "how stacks are shown: bpftrace, perf, raw or build_id", func(s *Settings, v configValue) bool {
		m, ok := parseStackMode(v.s)
		s.StackMode = m
		return ok
	}},
	{"str_trunc_trailer", ConfigWord, "..", "what is shown after a string that was cut", func(s *Settings, v configValue) bool { s.StrTruncTrailer = v.s; return true }},
	{"missing_probes", ConfigWord, "error", "what a probe that does not exist is: error, warn or ignore", func(s *Settings, v configValue) bool {
		s.MissingProbes = v.s
		return v.s == "error" || v.s == "warn" || v.s == "ignore"
	}},
	{"print_maps_on_exit", ConfigBool, "true", "print all maps at the end", func(s *Settings, v configValue) bool { s.PrintMapsOnExit = v.b; return true }},
	{"use_blazesym", ConfigBool, "true", "accepted for compatibility; symbols are read without it", nil},
	{"show_debug_info", ConfigBool, "true", "accepted for compatibility", nil},
	{"unstable_import_statement", ConfigUnstable, "warn", "allow import inside blocks", nil},
	{"unstable_tseries", ConfigUnstable, "warn", "allow tseries()", nil},
	{"unstable_typeinfo", ConfigUnstable, "warn", "allow typeinfo()", nil},
	{"unstable_dw_ustack", ConfigUnstable, "warn", "allow dw_ustack()", nil},
}

// unstableNames are the features behind the unstable_ keys, as messages name
// them.
var unstableNames = map[string]string{
	"unstable_tseries": "tseries", "unstable_typeinfo": "typeinfo",
	"unstable_dw_ustack": "dw_ustack (DWARF stack unwinding)",
}

var renamedKeys = map[string]string{
	"strlen": "max_strlen", "no_cpp_demangle": "cpp_demangle", "cat_bytes_max": "max_cat_bytes", "map_keys_max": "max_map_keys",
}

var deprecatedKeys = map[string]bool{
	"symbol_source": true, "max_type_res_iterations": true, "unstable_addr": true, "unstable_import": true,
	"unstable_macro": true, "unstable_map_decl": true,
}

var envOnlyKeys = map[string]bool{"btf": true, "kernel_build": true, "kernel_source": true, "vmlinux": true}

// licenses are those that the kernel takes for compatible with its own.
var licenses = []string{"Dual MIT/GPL", "Dual BSD/GPL", "Dual MPL/GPL", "GPL and additional rights", "GPL v2", "GPL"}

func validLicense(s string) bool {
	return slices.Contains(licenses, s)
}

// DefaultSettings are the settings of a program without config and environment.
func DefaultSettings() Settings {
	return Settings{
		MaxStrlen: 1024, MaxMapKeys: 4096, MaxProbes: 1024, MaxBPFProgs: 1024, MaxCatBytes: 10240, OnStackLimit: 32,
		LogSize: 1000000, StrTruncTrailer: "..", MissingProbes: "error", PrintMapsOnExit: true,
		CacheUserSymbols: "PER_PID", CppDemangle: true, License: "GPL",
	}
}

// smallStrlen is the default of max_strlen where two strings and a few numbers
// must fit in a map's key of 512 bytes.
const smallStrlen = 200

// settings applies the config block and the environment, which wins.
func (c *checker) settings() {
	c.info.Settings = DefaultSettings()
	if c.target != nil && c.target.Has(AbilityLargeMapKey) == No {
		c.info.Settings.MaxStrlen = smallStrlen
	}
	for _, d := range c.file.Decls {
		if cfg, ok := d.(*syntax.Config); ok {
			for _, e := range cfg.Entries {
				c.configEntry(e)
			}
		}
	}
	keys := make([]string, 0, len(c.opts.Env))
	for k := range c.opts.Env {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		c.environment(k, c.opts.Env[k])
	}
}

func (c *checker) environment(name, value string) {
	key := configName(name)
	if !strings.HasPrefix(name, "BPFTRACE_") || findKey(key) == nil {
		return
	}
	c.setKey(fileStart(c.file), name, findKey(key), valueText(value))
}

// fileStart is the place of what has none in the text.
func fileStart(f *syntax.File) syntax.Node {
	b := &syntax.BadExpr{}
	b.Pos = syntax.Span{Src: f.Source}
	return b
}

// configName drops the prefix and the case of a key.
func configName(name string) string {
	return strings.TrimPrefix(strings.ToLower(name), "bpftrace_")
}

func findKey(name string) *ConfigKey {
	for i := range configKeys {
		if configKeys[i].Name == name {
			return &configKeys[i]
		}
	}
	return nil
}

func (c *checker) configEntry(e *syntax.ConfigEntry) {
	name := e.Key.Name
	key := configName(name)
	if deprecatedKeys[key] {
		c.warnf(CodeDeprecated, e, "%s is deprecated and has no effect", name)
		return
	}
	if to := renamedKeys[key]; to != "" {
		d := c.warnf(CodeDeprecated, e, "%s has been renamed, please use %s", name, to)
		fix(d, true, "use "+to, e.Key, to)
		key = to
	}
	row := findKey(key)
	switch {
	case row != nil:
		c.setKey(e, name, row, literalText(e.Value))
	case envOnlyKeys[key]:
		c.errorf(CodeConfigKey, e, "%s: can only be set as an environment variable", name)
	default:
		d := c.errorf(CodeConfigKey, e, "%s: not a known configuration option", name)
		c.suggestKey(d, e.Key)
	}
}

// rawValue is a setting's value before it is converted.
type rawValue struct {
	text string
	num  *uint64
	b    *bool
}

func valueText(s string) rawValue { return rawValue{text: s} }

func literalText(e syntax.Expr) rawValue {
	switch e := e.(type) {
	case *syntax.IntLit:
		return rawValue{text: e.Text, num: &e.Value}
	case *syntax.StringLit:
		return rawValue{text: e.Value}
	case *syntax.BoolLit:
		return rawValue{text: map[bool]string{true: "true", false: "false"}[e.Value], b: &e.Value}
	case *syntax.Ident:
		return rawValue{text: e.Name}
	case *syntax.Builtin:
		return rawValue{text: e.Name}
	}
	return rawValue{}
}

// setKey converts a value and applies it.
func (c *checker) setKey(n located, name string, row *ConfigKey, raw rawValue) {
	v := configValue{s: raw.text}
	switch row.Kind {
	case ConfigInt:
		u, err := uint64(0), error(nil)
		if raw.num != nil {
			u = *raw.num
		} else if u, _, err = syntax.ParseUint(raw.text); err != nil || raw.b != nil {
			c.errorf(CodeConfigValue, n, "%s: expecting a number, got %s", name, raw.text)
			return
		}
		v.n = int(min(u, 1<<40))
	case ConfigBool:
		b, ok := parseBool(strings.ToLower(raw.text))
		if !ok {
			c.errorf(CodeConfigValue, n, "%s: Invalid bool value: valid values are true, false, 1 or 0.", name)
			return
		}
		v.b = b
	case ConfigUnstable:
		c.setUnstable(n, name, row, strings.ToLower(raw.text))
		return
	}
	if row.set != nil && !row.set(&c.info.Settings, v) {
		valid := row.Doc
		if row.Name == "license" {
			valid = "Valid values: " + strings.Join(licenses, ", ")
		}
		c.errorf(CodeConfigValue, n, "Invalid value for %s. Found: %s. %s.", row.Name, v.s, valid)
	}
}

func (c *checker) setUnstable(n located, name string, row *ConfigKey, s string) {
	switch s {
	case "enable", "true", "1":
		s = "enable"
	case "error", "false", "0":
		s = "error"
	case "warn":
	default:
		c.errorf(CodeConfigValue, n, "%s: Invalid value for %s: valid values are enable, warn and error", name, row.Name)
		return
	}
	c.unstable[row.Name] = s
}

// unstableFeature warns of a feature that may change, or rejects it, as the
// settings say.
func (c *checker) unstableFeature(key, name string, n located) {
	switch c.unstable[key] {
	case "enable":
	case "error":
		c.errorf(CodeUnstable, n, "%s feature is not enabled by default. To enable this unstable feature, set the config flag to enable. %s=enable", name, key)
	default:
		if !c.warned[key] {
			c.warned[key] = true
			c.warnf(CodeUnstable, n, "Script is using an unstable feature: %s. To prevent this warning you must explicitly enable it in the config e.g. %s=enable", name, key)
		}
	}
}

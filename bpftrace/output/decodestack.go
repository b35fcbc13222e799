package output

import (
	"strconv"
	"strings"
)

// parseStack reads a stack as bpftrace prints it, in any mode; in keys without
// its spaces. Text that is not certainly a stack is none: every line must be a
// frame.
func parseStack(text string) (Stack, bool) {
	body, ok := strings.CutPrefix(text, "\n")
	if !ok || !strings.HasSuffix(body, "\n") {
		return Stack{}, false
	}
	var s Stack
	for i, line := range strings.Split(strings.TrimSuffix(body, "\n"), "\n") {
		if strings.TrimLeft(line, " ") == "<unwind failure>" {
			s.Broken = true
			continue
		}
		f, mode, ok := parseFrame(line)
		if !ok || i > 0 && mode != s.Mode && min(mode, s.Mode) < StackRaw {
			return Stack{}, false
		}
		s.Mode = max(s.Mode, mode) // frames without a build id look raw
		if mode == StackPerf && f.Module != "" || mode == StackBuildID {
			s.User = true
		}
		s.Frames = append(s.Frames, f)
	}
	return s, true
}

func parseFrame(line string) (Frame, StackMode, bool) {
	if perf, ok := strings.CutPrefix(line, "\t"); ok {
		f, ok := parsePerfFrame(perf)
		return f, StackPerf, ok
	}
	text := strings.TrimLeft(line, " ")
	if text == line {
		if f, mode, ok := parseRawFrame(text); ok {
			return f, mode, true
		}
	}
	inlined := false
	if rest, ok := strings.CutPrefix(text, "[inlined]"); ok {
		text, inlined = strings.TrimLeft(rest, " "), true
	}
	f, ok := parseSymbol(text, inlined)
	f.Inlined = inlined
	return f, StackBpftrace, ok
}

// parseRawFrame reads "ADDRESS" or "BUILDID 0xOFFSET".
func parseRawFrame(text string) (Frame, StackMode, bool) {
	id, offset, ok := strings.Cut(text, " 0x")
	if !ok {
		addr, err := strconv.ParseUint(text, 16, 64)
		return Frame{Addr: addr}, StackRaw, err == nil && len(text) >= 4
	}
	n, err := strconv.ParseUint(offset, 16, 64)
	return Frame{BuildID: id, FileOffset: n}, StackBuildID, err == nil && len(id) == 40 && isHex(id)
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

// parsePerfFrame reads "ADDRESS SYMBOL+OFFSET (MODULE)".
func parsePerfFrame(text string) (Frame, bool) {
	hex, rest, ok := strings.Cut(text, " ")
	addr, err := strconv.ParseUint(hex, 16, 64)
	if !ok || err != nil {
		return Frame{}, false
	}
	f, ok := parsePlace(rest)
	f.Addr = addr
	return f, ok
}

// parsePlace reads "SYMBOL+OFFSET (MODULE)"; both names may hold parentheses.
func parsePlace(text string) (Frame, bool) {
	if symbol, ok := strings.CutSuffix(text, " (inlined)"); ok {
		return Frame{Symbol: symbol, Inlined: true}, symbol != ""
	}
	text = strings.TrimSuffix(text, " ([unknown])")
	if strings.HasSuffix(text, ")") {
		for at := 0; at < len(text); at++ {
			if !strings.HasPrefix(text[at:], " (") {
				continue
			}
			if f, ok := parseSymbol(text[:at], false); ok {
				f.Module = text[at+2 : len(text)-1]
				return f, true
			}
		}
	}
	return parseSymbol(text, false)
}

// parseSymbol reads "NAME+OFFSET@FILE:LINE", where the file may be missing, or
// "0xADDRESS". Inlined functions have no offset.
func parseSymbol(text string, inlined bool) (Frame, bool) {
	if hex, ok := strings.CutPrefix(text, "0x"); ok {
		addr, err := strconv.ParseUint(hex, 16, 64)
		return Frame{Addr: addr}, err == nil
	}
	var f Frame
	if file, line, ok := cutLast(text, ":"); ok {
		if n, err := strconv.Atoi(line); err == nil {
			if at := strings.LastIndexByte(file, '@'); at > 0 {
				text, f.File, f.Line = file[:at], file[at+1:], n
			}
		}
	}
	if inlined {
		f.Symbol = text
		return f, text != ""
	}
	name, offset, ok := cutLast(text, "+")
	n, err := strconv.ParseUint(offset, 10, 64)
	f.Symbol, f.Offset = name, n
	return f, ok && err == nil && name != ""
}

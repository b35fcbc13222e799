package output

import (
	"strconv"
	"strings"
)

// Errors that bpftrace explains instead of naming them (-E2BIG and -ENOENT).
const (
	retcodeTooBig  = -7
	retcodeNoEntry = -2
)

func appendErrorf(dst []byte, e *Errorf) []byte {
	severity := "ERROR: "
	if e.Warning {
		severity = "WARNING: "
	}
	at := e.At
	at.Source = "" // the call is not worth showing
	return appendMessage(dst, severity, e.Text, at, e.Expanded)
}

func appendHelperError(dst []byte, e *HelperError) []byte {
	text := helperText(e) + "\nAdditional Info - helper: " + e.Helper +
		", retcode: " + strconv.Itoa(e.Retcode)
	return appendMessage(dst, "WARNING: ", text, e.At, e.Expanded)
}

func helperText(e *HelperError) string {
	switch {
	case e.Helper == "map_update_elem" && e.Retcode == retcodeTooBig:
		return "Map full; can't update element. Try increasing max_map_keys config" +
			" or manually setting the max entries in a map declaration e.g. `let @a = hash(5000)`"
	case e.Helper == "map_delete_elem" && e.Retcode == retcodeNoEntry:
		return "Can't delete map element because it does not exist."
	case e.Helper == "map_lookup_elem":
		return "Can't lookup map element because it does not exist."
	}
	return e.Text
}

func appendNotice(dst []byte, n *Notice) []byte {
	switch n.Level {
	case LevelWarning:
		return appendMessage(dst, "WARNING: ", n.Text, n.At, nil)
	case LevelError:
		return appendMessage(dst, "ERROR: ", n.Text, n.At, nil)
	}
	return appendMessage(dst, "", n.Text, n.At, nil)
}

// appendMessage writes a message with the place that it is about.
func appendMessage(dst []byte, severity, text string, at Location, expanded []Location) []byte {
	dst = appendLocation(dst, at)
	dst = append(dst, severity...)
	dst = append(dst, strings.TrimSuffix(text, "\n")...)
	dst = append(dst, '\n')
	dst = appendSourceLines(dst, at)
	for _, l := range expanded {
		dst = appendMessage(dst, severity, "expanded from", l, nil)
	}
	return dst
}

func appendLocation(dst []byte, l Location) []byte {
	if l.Line == 0 {
		return dst
	}
	if l.File != "" {
		dst = append(dst, l.File...)
		dst = append(dst, ':')
	}
	dst = strconv.AppendInt(dst, int64(l.Line), 10)
	if l.EndLine > l.Line {
		dst = append(dst, '-')
		dst = strconv.AppendInt(dst, int64(l.EndLine), 10)
		return append(dst, ": "...)
	}
	dst = append(dst, ':')
	dst = strconv.AppendInt(dst, int64(l.Col), 10)
	if l.EndCol > 0 {
		dst = append(dst, '-')
		dst = strconv.AppendInt(dst, int64(l.EndCol), 10)
	}
	return append(dst, ": "...)
}

// appendSourceLines writes the source, and a line of markers below it if the
// place lies on one line.
func appendSourceLines(dst []byte, l Location) []byte {
	if l.Source == "" {
		return dst
	}
	if l.EndLine > l.Line {
		dst = append(dst, strings.TrimSuffix(l.Source, "\n")...)
		return append(dst, '\n')
	}
	line, _, _ := strings.Cut(l.Source, "\n")
	dst = append(dst, strings.ReplaceAll(line, "\t", "    ")...)
	dst = append(dst, '\n')
	for i := 0; i < len(line) && i < l.EndCol-1; i++ {
		marker := byte('~')
		if i < l.Col-1 {
			marker = ' '
		}
		dst = append(dst, marker)
		if line[i] == '\t' {
			dst = append(dst, marker, marker, marker)
		}
	}
	return append(dst, '\n')
}

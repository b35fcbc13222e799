package output

import "strconv"

// stackIndent stands before the frames of a stack in mode bpftrace.
const stackIndent = "        "

// appendStack writes a line break and then one line for each frame.
func appendStack(dst []byte, s Stack) []byte {
	dst = append(dst, '\n')
	for _, f := range s.Frames {
		dst = appendFrame(dst, s, f)
		dst = append(dst, '\n')
	}
	if s.Broken {
		dst = append(dst, stackIndent+"<unwind failure>\n"...)
	}
	return dst
}

func appendFrame(dst []byte, s Stack, f Frame) []byte {
	switch s.Mode {
	case StackRaw:
		return strconv.AppendUint(dst, f.Addr, 16)
	case StackBuildID:
		return appendBuildID(dst, f)
	case StackPerf:
		dst = append(dst, '\t')
		dst = strconv.AppendUint(dst, f.Addr, 16)
		dst = append(dst, ' ')
		dst = appendSymbol(dst, f)
		return appendPlace(dst, s.User, f)
	}
	dst = append(dst, stackIndent...)
	if f.Inlined {
		dst = append(dst, "[inlined] "...)
	}
	return appendSource(appendSymbol(dst, f), f)
}

func appendBuildID(dst []byte, f Frame) []byte {
	if f.BuildID == "" {
		return strconv.AppendUint(dst, f.Addr, 16)
	}
	dst = append(dst, f.BuildID...)
	dst = append(dst, " 0x"...)
	if f.FileOffset < 16 {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, f.FileOffset, 16)
}

// appendSymbol writes the function and the offset in it, or the address if the
// function is unknown. Inlined functions have no address of their own.
func appendSymbol(dst []byte, f Frame) []byte {
	if f.Symbol == "" {
		return appendPointer(dst, f.Addr)
	}
	dst = append(dst, f.Symbol...)
	if f.Inlined {
		return dst
	}
	dst = append(dst, '+')
	return strconv.AppendUint(dst, f.Offset, 10)
}

// appendPlace writes what mode perf adds: the file of a user function.
func appendPlace(dst []byte, user bool, f Frame) []byte {
	switch {
	case user && f.Module != "" && !f.Inlined:
		dst = append(dst, " ("...)
		dst = append(dst, f.Module...)
		return append(dst, ')')
	case f.Inlined:
		return append(dst, " (inlined)"...)
	case user:
		return append(dst, " ([unknown])"...)
	}
	return dst
}

func appendSource(dst []byte, f Frame) []byte {
	if f.File == "" || f.Symbol == "" {
		return dst
	}
	dst = append(dst, '@')
	dst = append(dst, f.File...)
	dst = append(dst, ':')
	return strconv.AppendInt(dst, int64(f.Line), 10)
}

// appendPointer writes an address; unlike a value of type pointer, an address
// of 0 is printed without 0x.
func appendPointer(dst []byte, addr uint64) []byte {
	if addr != 0 {
		dst = append(dst, "0x"...)
	}
	return strconv.AppendUint(dst, addr, 16)
}

package syntax

// UpstreamSpan returns the text that upstream underlines for n, for messages
// that point where upstream points. It differs from n.Span() in that upstream
// keeps no parentheses, so that (a + b) * c begins at a; that a cast is only
// its type; that a probe is only its attach points, and macros and functions
// only their names; and that a jump goes up to its ';' or the '}' after it.
func UpstreamSpan(n Node) Span {
	s := n.Span()
	switch n := n.(type) {
	case *Paren:
		return UpstreamSpan(n.X)
	case *Cast:
		s.End = max(s.Start, n.X.Span().Start)
	case *Jump:
		s.End = endOfJump(s)
	case *Probe:
		return n.AttachPoints[0].Span().Through(n.AttachPoints[len(n.AttachPoints)-1].Span())
	case *Macro:
		s.End = n.Name.Span().End
	case *Subprog:
		s.End = n.Name.Span().End
	case Expr:
		if first := firstOperand(n); first != nil {
			s.Start = UpstreamSpan(first).Start
		}
	}
	return s
}

// firstOperand returns the operand that x begins with, if any.
func firstOperand(x Expr) Expr {
	switch x := x.(type) {
	case *Binop:
		return x.L
	case *Ternary:
		return x.Cond
	case *Unop:
		if x.Postfix {
			return x.X
		}
	case *FieldAccess:
		return x.X
	case *TupleAccess:
		return x.X
	case *ArrayAccess:
		return x.X
	}
	return nil
}

func endOfJump(s Span) uint32 {
	if s.Src == nil {
		return s.End
	}
	sc := scanner{src: s.Src, text: s.Src.Text}
	end := sc.skipLayout(s.End)
	if sc.at(end) == ';' {
		end++
	}
	return end
}

// PredicateSpan returns the text of the predicate of p with its slashes, which
// upstream underlines for a condition that is wrong. p has a predicate.
func PredicateSpan(p *Probe) Span {
	s := p.Predicate.Span()
	if s.Src == nil {
		return s
	}
	sc := scanner{src: s.Src, text: s.Src.Text}
	s.Start = sc.skipLayout(p.AttachPoints[len(p.AttachPoints)-1].Span().End)
	if sc.at(s.Start) == ',' { // a trailing comma
		s.Start = sc.skipLayout(s.Start + 1)
	}
	s.End = sc.skipLayout(s.End) + 1
	return s
}

package check

import (
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// Before bpftrace 0.22 a variable belonged to the whole probe. Old programs
// assign it in the branches of an if and read it afterwards; that still works
// here, with a warning that says what to declare.

// oldScopes finds the variables of a probe that are assigned inside an if and
// used where today's rules do not know them.
type oldScopes struct {
	scopes   []map[string]bool
	branches int             // ifs around
	assigned map[string]bool // inside some if, by an assignment that declares
	found    map[string]bool
}

// hoisted returns the variables of p that need the older scoping.
func hoisted(p *Probe) map[string]bool {
	o := &oldScopes{assigned: map[string]bool{}}
	o.open()
	o.block(p.Body)
	return o.found
}

func (o *oldScopes) open() { o.scopes = append(o.scopes, nil) }

func (o *oldScopes) close() { o.scopes = o.scopes[:len(o.scopes)-1] }

func (o *oldScopes) known(name string) bool {
	for _, s := range o.scopes {
		if s[name] {
			return true
		}
	}
	return false
}

func (o *oldScopes) declare(name string) {
	top := &o.scopes[len(o.scopes)-1]
	if *top == nil {
		*top = map[string]bool{}
	}
	(*top)[name] = true
}

func (o *oldScopes) block(b *syntax.Block) {
	if b == nil {
		return
	}
	o.open()
	for _, s := range b.Stmts {
		o.node(s)
	}
	if b.Value != nil {
		o.node(b.Value)
	}
	o.close()
}

func (o *oldScopes) node(n syntax.Node) {
	syntax.Inspect(n, func(x syntax.Node) bool {
		switch x := x.(type) {
		case *syntax.Block:
			o.block(x)
			return false
		case *syntax.If:
			o.node(x.Cond)
			o.branches++
			o.block(x.Then)
			if x.Else != nil {
				o.node(x.Else)
			}
			o.branches--
			return false
		case *syntax.Assign:
			return o.assign(x)
		case *syntax.Let:
			if x.Init != nil {
				o.node(x.Init)
			}
			o.declare(x.Var.Name)
			return false
		case *syntax.For:
			o.loop(x)
			return false
		case *syntax.Variable:
			o.use(x.Name)
		}
		return true
	})
}

func (o *oldScopes) loop(x *syntax.For) {
	if x.Range != nil {
		o.node(x.Range)
	}
	o.open()
	o.declare(x.Var.Name)
	o.block(x.Body)
	o.close()
}

func (o *oldScopes) assign(x *syntax.Assign) bool {
	v, ok := x.Target.(*syntax.Variable)
	if !ok || x.Op != syntax.OpAssign {
		return true
	}
	o.node(x.Value)
	if o.known(v.Name) {
		return false
	}
	o.declare(v.Name)
	if o.branches > 0 {
		o.assigned[v.Name] = true
	}
	return false
}

func (o *oldScopes) use(name string) {
	if o.known(name) || !o.assigned[name] {
		return
	}
	if o.found == nil {
		o.found = map[string]bool{}
	}
	o.found[name] = true
}

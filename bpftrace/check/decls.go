package check

import (
	"errors"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// declarations enters everything at file scope into the checker's tables and
// returns the declarations of the program and of what it imports.
func (c *checker) declarations() []syntax.Decl {
	decls := c.withImports(c.file.Decls, 0)
	c.c.init(c)
	for _, d := range decls {
		switch d := d.(type) {
		case *syntax.CDef:
			c.c.define(d)
		case *syntax.Preproc:
			c.c.preproc(d)
		case *syntax.Macro:
			c.addMacro(d)
		}
	}
	for _, d := range decls {
		switch d := d.(type) {
		case *syntax.MapDecl:
			c.declareMap(d)
		case *syntax.Subprog:
			c.addSubprog(d)
		}
	}
	c.checkMacroBodies(decls)
	return decls
}

// maxImports bounds how deep imports nest.
const maxImports = 16

// withImports returns decls with those of imported files in place of imports.
func (c *checker) withImports(decls []syntax.Decl, depth int) []syntax.Decl {
	var all []syntax.Decl
	for _, d := range decls {
		imp, ok := d.(*syntax.Import)
		if !ok {
			if _, ok := d.(*syntax.Config); ok && depth > 0 {
				c.errorf(CodeImport, d, "invalid `config` within import")
				continue
			}
			all = append(all, d)
			continue
		}
		all = append(all, c.importFile(imp, depth)...)
	}
	return all
}

func (c *checker) importFile(d *syntax.Import, depth int) []syntax.Decl {
	path := d.Path.Value
	if path == "stdlib" || len(path) > 7 && path[:7] == "stdlib/" {
		return nil // its functions are ours and always there
	}
	if c.imported[path] {
		return nil
	}
	c.imported[path] = true
	if depth >= maxImports {
		c.errorf(CodeImport, d, "imports are nested too deeply at '%s'", path)
		return nil
	}
	if c.opts.Import == nil {
		e := c.errorf(CodeImport, d, "Unable to find suitable path for import '%s'", path)
		hint(e, "Imports are not allowed here: put the text into the program.")
		return nil
	}
	src, err := c.opts.Import(path)
	if err != nil {
		c.errorf(CodeImport, d, "error reading import '%s': %v", path, err)
		return nil
	}
	f, ds := syntax.Parse(src, &syntax.ParseOptions{Params: c.opts.Params, Unsafe: c.opts.Unsafe})
	c.diags = append(c.diags, ds...)
	return c.withImports(f.Decls, depth+1)
}

// mapKinds are the kinds that a declaration of a map can name.
var mapKinds = map[string]MapKind{
	"hash": MapHash, "lruhash": MapLRUHash, "percpuhash": MapPerCPUHash, "percpulruhash": MapPerCPULRUHash,
}

func (c *checker) declareMap(d *syntax.MapDecl) {
	m := c.mapState(d.Map)
	if m.decl != nil {
		e := c.errorf(CodeMapDeclaration, d, "Map %s was already declared", d.Map.Name)
		note(e, m.decl, "This is the initial declaration.")
		return
	}
	m.decl, m.Declared, m.MaxEntries = d, true, int(min(d.MaxEntries.Value, 1<<32))
	kind, ok := mapKinds[d.Kind.Name]
	if !ok {
		e := c.errorf(CodeMapDeclaration, d, "Invalid bpf map type: %s", d.Kind.Name)
		hint(e, "Valid map types: hash, lruhash, percpuhash, percpulruhash")
		if near := syntax.Closest(d.Kind.Name, []string{"hash", "lruhash", "percpuhash", "percpulruhash"}); near != "" {
			fix(e, false, "use "+near, d.Kind, near)
		}
	}
	m.Kind = kind
}

func (c *checker) addSubprog(d *syntax.Subprog) {
	if old := c.subprogs[d.Name.Name]; old != nil {
		e := c.errorf(CodeDuplicate, d.Name, "Function %s was already defined", d.Name.Name)
		note(e, old.Decl, "This is the first definition.")
		return
	}
	s := &Subprog{Decl: d}
	for _, a := range d.Args {
		s.Args = append(s.Args, &Var{Name: a.Var.Name, Decl: a})
	}
	c.subprogs[d.Name.Name] = s
	c.info.Subprogs = append(c.info.Subprogs, s)
}

// checkMacroBodies reports what is wrong in macros however they are used.
func (c *checker) checkMacroBodies(decls []syntax.Decl) {
	for _, d := range decls {
		if m, ok := d.(*syntax.Macro); ok && m.Body != nil {
			c.noJumps(m.Body, 0)
		}
	}
}

// noJumps reports jumps that would leave a macro.
func (c *checker) noJumps(n syntax.Node, loops int) {
	syntax.Inspect(n, func(x syntax.Node) bool {
		switch x := x.(type) {
		case *syntax.While:
			c.noJumps(x.Body, loops+1)
			return false
		case *syntax.For:
			c.noJumps(x.Body, loops+1)
			return false
		case *syntax.Jump:
			word := [...]string{syntax.Break: "break", syntax.Continue: "continue", syntax.Return: "return"}[x.Kind]
			if x.Kind == syntax.Return || loops == 0 {
				c.errorf(CodeJump, x, "'%s' statement is not allowed in a macro", word)
			}
		}
		return true
	})
}

// isUnknown reports whether an error of a Target means that it cannot know.
func isUnknown(err error) bool { return errors.Is(err, ErrUnknown) }

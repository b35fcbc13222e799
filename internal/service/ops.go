package service

// Op is one row of the table of operations: what every front needs to know to
// offer it.
type Op struct {
	Name        string // as agents call it
	Title       string // for people
	ReadOnly    bool   // changes nothing on the host nor in the server
	Destructive bool   // may destroy something
	Idempotent  bool   // twice is as good as once
	OpenWorld   bool   // shows text that anyone on the system may have written
}

// Ops is the table of operations, in the order in which they are listed.
func Ops() []Op {
	return []Op{
		{Name: "list_probes", Title: "List probes", ReadOnly: true, Idempotent: true},
		{Name: "bpf_info", Title: "Describe this system's tracing", ReadOnly: true, Idempotent: true},
		{Name: "validate_program", Title: "Check a program", ReadOnly: true, Idempotent: true},
		{Name: "exec_program", Title: "Run a program", OpenWorld: true},
		{Name: "get_result", Title: "Read results", ReadOnly: true, Idempotent: true, OpenWorld: true},
		{Name: "stop_execution", Title: "Stop a running program", Idempotent: true, OpenWorld: true},
		{Name: "adjust_execution", Title: "Adjust a running program", Idempotent: true},
	}
}

// LookupOp returns the row of an operation, nil when there is none.
func LookupOp(name string) *Op {
	for _, op := range Ops() {
		if op.Name == name {
			return &op
		}
	}
	return nil
}

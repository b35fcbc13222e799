package check

// advise warns of programs that run but hardly do what was meant.
func (c *checker) advise() {}

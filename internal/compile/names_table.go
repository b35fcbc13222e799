package compile

func errorTexts() []string { return nil }

func syscallNames(arch string) []string { return nil }

package kernel

func (h *host) facts() *Facts { return &Facts{Release: h.rel, Arch: h.arch()} }

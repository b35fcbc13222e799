package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

const btfDir = "/sys/kernel/btf/"

// mapBTF returns the raw BTF of the kernel or of a module. Kernels from 6.16 let
// their own copy be mapped, which costs no memory; the mapping lasts as long as
// the process, since types refer into it. Older ones are read.
func mapBTF(module string) ([]byte, error) {
	path := btfDir + moduleName(module)
	f, err := os.Open(path)
	if err != nil {
		return nil, missingBTF(module, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if st.Size() > 0 {
		raw, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
		if err == nil {
			return raw, nil
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return raw, nil
}

func missingBTF(module string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist) && module != "":
		return &Missing{Ability: "btf", Hint: fmt.Sprintf("module %s is not loaded or was built without BTF; load it with modprobe %s", module, module), Err: err}
	case errors.Is(err, fs.ErrNotExist):
		return &Missing{Ability: "btf", Hint: "this kernel was built without CONFIG_DEBUG_INFO_BTF; boot a distribution kernel that has it, or check against a snapshot", Err: err}
	}
	return &Missing{Ability: "btf", Hint: "make " + btfDir + moduleName(module) + " readable (in a container: mount /sys)", Err: err}
}

// btfModules lists the modules that have BTF.
func btfModules() []string {
	entries, err := os.ReadDir(btfDir)
	if err != nil {
		return nil
	}
	var modules []string
	for _, e := range entries {
		if e.Name() != "vmlinux" {
			modules = append(modules, e.Name())
		}
	}
	return modules
}

package kernel

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// capabilityNames are the capabilities in the order of their bits, as in
// uapi/linux/capability.h.
const capabilityNames = "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE " +
	"NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE " +
	"SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL " +
	"SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"

// statusOf returns a line of /proc/self/status by its key.
func statusOf(key string) string {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), key+":"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// capabilities returns the effective capabilities of this process by name.
func capabilities() []string {
	bits, err := strconv.ParseUint(statusOf("CapEff"), 16, 64)
	if err != nil {
		return nil
	}
	var held []string
	for i, name := range strings.Fields(capabilityNames) {
		if bits>>i&1 != 0 {
			held = append(held, "CAP_"+name)
		}
	}
	return held
}

func heldCapabilities() map[string]bool {
	held := map[string]bool{}
	for _, c := range capabilities() {
		held[c] = true
	}
	return held
}

// lockdown returns the kernel's lockdown mode: none, integrity or
// confidentiality; "" when it cannot be read.
func lockdown() string {
	text, err := os.ReadFile("/sys/kernel/security/lockdown")
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text), "[")
	mode, _, _ := strings.Cut(rest, "]")
	return mode
}

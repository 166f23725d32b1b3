package bench

import (
	"os"
	"runtime"
	"strings"
)

// Machine is where a run was.
type Machine struct {
	Processor  string `json:"processor"`
	Processors int    `json:"processors"`
	Kernel     string `json:"kernel"`
	System     string `json:"system"`
	Go         string `json:"go"`
}

// thisMachine tells what the system says of itself. What it does not say is "".
func thisMachine() Machine {
	m := Machine{Processors: runtime.NumCPU(), Go: runtime.Version() + " " + runtime.GOARCH}
	m.Processor = field("/proc/cpuinfo", "model name", ":")
	m.System = strings.Trim(field("/etc/os-release", "PRETTY_NAME", "="), `"`)
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = "Linux " + strings.TrimSpace(string(kernel))
	}
	return m
}

// field returns the first value with a name in a file of names and values.
func field(path, name, sign string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, _ := strings.Cut(line, sign); strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

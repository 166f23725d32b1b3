package doctor

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sealmilter/internal/config"
	"sealmilter/internal/wiring"
)

// memory looks at whether the host has the memory that the limits allow, and where its memory may end up on a disk.
func (r *Report) memory(c *config.Config) {
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err == nil {
		r.Findings([]wiring.Finding{memoryFinding(octetsOf(meminfo, "MemTotal:"), c.Limits.InFlight)})
	}
	swaps, err := os.ReadFile("/proc/swaps")
	if err == nil {
		r.Findings(swapFindings(openSwaps(swaps, "/sys/class/block")))
	}
}

// octetsOf reads a line of /proc/meminfo.
func octetsOf(meminfo []byte, name string) int64 {
	for line := range strings.Lines(string(meminfo)) {
		if rest, found := strings.CutPrefix(line, name); found {
			var kib int64
			if _, err := fmt.Sscan(rest, &kib); err == nil {
				return kib << 10
			}
		}
	}
	return 0
}

// memoryFinding compares what sealmilter may need (docs/limits.md) with what there is, in octets.
func memoryFinding(total, inFlight int64) wiring.Finding {
	const atRest, perOctet = 40 << 20, 3
	needed := atRest + perOctet*inFlight
	if total > 0 && needed > total {
		return wiring.Finding{State: wiring.Warning, Topic: "memory",
			Detail: fmt.Sprintf("with many large messages at a time sealmilter may need %d MiB, and the host has %d MiB: it may be killed then, and its mail is put off", needed>>20, total>>20),
			Mend:   fmt.Sprintf("set in_flight = \"%dMiB\" in [limits], or less: docs/limits.md", max(1, (total/2-atRest)/perOctet>>20))}
	}
	return wiring.Finding{State: wiring.OK, Topic: "memory", Detail: fmt.Sprintf("sealmilter needs %d MiB at most", needed>>20)}
}

// openSwaps returns the swap space of /proc/swaps that a disk holds in clear text, as far as the kernel tells by the folder
// of its block devices.
func openSwaps(swaps []byte, devices string) []string {
	var open []string
	lines := bufio.NewScanner(bytes.NewReader(swaps))
	for first := true; lines.Scan(); first = false {
		fields := strings.Fields(lines.Text())
		if first || len(fields) == 0 {
			continue
		}
		device := fields[0]
		if name, err := filepath.EvalSymlinks(device); err == nil {
			device = name
		}
		name := filepath.Base(device)
		uuid, err := os.ReadFile(filepath.Join(devices, name, "dm", "uuid"))
		if strings.HasPrefix(name, "zram") || err == nil && strings.HasPrefix(string(uuid), "CRYPT-") {
			continue
		}
		open = append(open, fields[0])
	}
	return open
}

func swapFindings(open []string) []wiring.Finding {
	if len(open) == 0 {
		return []wiring.Finding{{State: wiring.OK, Topic: "swap", Detail: "no clear text or key can end up in swap space that is not encrypted"}}
	}
	return []wiring.Finding{{State: wiring.Warning, Topic: "swap",
		Detail: strings.Join(open, ", ") + " is not known to be encrypted: clear text and secret keys of sealmilter's memory may be written there",
		Mend:   "encrypt it (crypttab(5), the option swap), or swapoff " + open[0] + "; if the disk below is encrypted as a whole, that is as good"}}
}

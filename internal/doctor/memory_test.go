package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sealmilter/internal/wiring"
)

func TestMemoryFinding(t *testing.T) {
	const mib = 1 << 20
	if got := octetsOf([]byte("MemFree:  7 kB\nMemTotal:     2048 kB\n"), "MemTotal:"); got != 2*mib {
		t.Errorf("%d octets", got)
	}
	wantLine(t, []wiring.Finding{memoryFinding(2048*mib, 512*mib)}, "")
	wantLine(t, []wiring.Finding{memoryFinding(0, 512*mib)}, "") // not known
	small := memoryFinding(1024*mib, 512*mib)
	wantLine(t, []wiring.Finding{small}, "warning memory: with many large messages at a time sealmilter may need 1576 MiB, and the host has 1024 MiB")
	if !strings.Contains(small.Mend, `in_flight = "157MiB"`) {
		t.Error(small.Mend)
	}
}

func TestOpenSwaps(t *testing.T) {
	devices := t.TempDir()
	if err := os.MkdirAll(filepath.Join(devices, "dm-1", "dm"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(devices, "dm-1", "dm", "uuid"), []byte("CRYPT-PLAIN-cryptswap\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const head = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	for swaps, want := range map[string][]string{
		head: nil,
		head + "/dev/dm-1    partition\t1\t0\t-2\n/dev/zram0   partition\t1\t0\t100\n": nil,
		head + "/dev/dm-2    partition\t1\t0\t-2\n/swapfile   file\t1\t0\t-3\n":        {"/dev/dm-2", "/swapfile"},
	} {
		got := openSwaps([]byte(swaps), devices)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", swaps, got, want)
		}
		if line := swapFindings(got); (line[0].State == wiring.Warning) != (len(want) > 0) {
			t.Errorf("%+v", line)
		}
	}
}

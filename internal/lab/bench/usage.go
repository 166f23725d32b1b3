package bench

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what something has taken.
type usage struct {
	// cpu is user and system time.
	cpu, wall              time.Duration
	allocated, allocations uint64
}

func (u usage) plus(v usage) usage {
	return usage{u.cpu + v.cpu, u.wall + v.wall, u.allocated + v.allocated, u.allocations + v.allocations}
}

// scaled is what so many times as much would have taken.
func (u usage) scaled(by float64) usage {
	return usage{time.Duration(float64(u.cpu) * by), time.Duration(float64(u.wall) * by), uint64(float64(u.allocated) * by),
		uint64(float64(u.allocations) * by)}
}

// inProcess measures what a function takes of this process, in which nothing else may go on. What the garbage collector
// does meanwhile counts.
func inProcess(do func() error) (usage, error) {
	var before, after runtime.MemStats
	runtime.GC() // others' garbage is not this one's
	runtime.ReadMemStats(&before)
	start := time.Now()
	cpu, err := ownCPU()
	if err != nil {
		return usage{}, err
	}
	if err := do(); err != nil {
		return usage{}, err
	}
	u := usage{wall: time.Since(start)}
	end, err := ownCPU()
	if err != nil {
		return usage{}, err
	}
	runtime.ReadMemStats(&after)
	u.cpu, u.allocated, u.allocations = end-cpu, after.TotalAlloc-before.TotalAlloc, after.Mallocs-before.Mallocs
	return u, nil
}

// ownCPU is the processor time of this process, without its children's.
func ownCPU() (time.Duration, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, fmt.Errorf("ask for the processor time of this process: %w", err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), nil
}

// processCPU is the processor time of another process, in steps of 10 ms (proc(5), /proc/PID/stat).
func processCPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name of the program, in parentheses, may hold blanks.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const user, system, tick = 11, 12, 10 * time.Millisecond
	if len(fields) <= system {
		return 0, fmt.Errorf("/proc/%d/stat has only %d fields", pid, len(fields))
	}
	var sum time.Duration
	for _, field := range []int{user, system} {
		n, err := strconv.Atoi(fields[field])
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// ownPeak is the most memory that this process has had at any time, in octets.
func ownPeak() (uint64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kib, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no VmHWM")
}

package mta

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// userHz is the number of clock ticks in a second in which the kernel tells processor time (proc(5)), on every
// architecture that Go runs on.
const userHz = 100

// cpu returns the processor time, user and system, that a process and its children have used. Children that have ended
// count, once the process has waited for them, as master(8) does at once; grandchildren that still run do not.
func cpu(pid int) time.Duration {
	all := processes()
	ticks := all[pid].ticks
	for _, s := range all {
		if s.parent == pid {
			ticks += s.ticks
		}
	}
	return time.Duration(ticks) * time.Second / userHz
}

type processState struct {
	parent int
	ticks  int // of its own and of the children that it has waited for
}

// processes reads /proc; a process that ends meanwhile is left out.
func processes() map[int]processState {
	all := map[int]processState{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the only error is a bad pattern
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue
		}
		if s, ok := parseStat(string(text)); ok {
			all[pid] = s
		}
	}
	return all
}

// parseStat takes /proc/PID/stat apart. The second field is the program's name in brackets, which may hold anything.
func parseStat(text string) (processState, bool) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:]) // from the state on, which is the third
	if len(fields) < 15 {
		return processState{}, false
	}
	var s processState
	var err error
	if s.parent, err = strconv.Atoi(fields[1]); err != nil {
		return processState{}, false
	}
	for _, field := range fields[11:15] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return processState{}, false
		}
		s.ticks += n
	}
	return s, true
}

// Package coredump keeps what a process has in its memory out of files.
package coredump

import (
	"fmt"
	"syscall"
)

// Forbid keeps the kernel from ever writing the memory of this process into a core dump, and other processes of the same
// user from looking into it (PR_SET_DUMPABLE of prctl(2)). The limit for core dumps alone would not do: it does not hold
// where /proc/sys/kernel/core_pattern names a program. It is set for the programs that this one starts, which begin
// dumpable anew (core(5), execve(2)).
//
// The files of this process in /proc belong to root from then on; the process itself may read them as before.
func Forbid() error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("limit core dumps to nothing: %w", err)
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0); errno != 0 {
		return fmt.Errorf("forbid core dumps: %w", errno)
	}
	return nil
}

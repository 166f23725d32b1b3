package main

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// A processor profile of the program runs from its start until SIGUSR1, and is written to the file that the environment
// names. The benchmark compiles this file into its own copy of the program, which has no such thing itself.
func init() {
	file := os.Getenv("SEALMILTER_BENCH_PROFILE")
	var profile bytes.Buffer
	if file == "" || pprof.StartCPUProfile(&profile) != nil {
		return
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGUSR1)
	go func() {
		<-end
		pprof.StopCPUProfile()
		if err := os.WriteFile(file, profile.Bytes(), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, "profile not written:", err)
			return
		}
		fmt.Fprintln(os.Stderr, "profile written")
	}()
}

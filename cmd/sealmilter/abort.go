package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// exitAborted is the status of a shell for a program that SIGABRT has ended.
const exitAborted = 128 + int(syscall.SIGABRT)

// endOnAbort has SIGABRT, which a watchdog of systemd sends, and SIGQUIT end the process as soon as it has said in which
// functions it is. Go itself would print their arguments and the registers of the processor, too, where there may be a
// part of a key. It does so until the returned function is called.
//
// A process that cannot even do this is killed by who has sent the signal.
func endOnAbort(w io.Writer) (stop func()) {
	aborted, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(aborted, syscall.SIGABRT, syscall.SIGQUIT)
	go func() {
		select {
		case sig := <-aborted:
			fmt.Fprintf(w, "sealmilter: ended by the signal %q; this is what it was doing:\n", sig)
			_ = pprof.Lookup("goroutine").WriteTo(w, 1) // nobody is left to hear of an error
			os.Exit(exitAborted)
		case <-done:
		}
	}()
	return func() {
		signal.Stop(aborted)
		close(done)
	}
}

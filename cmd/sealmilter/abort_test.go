package main

import (
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestServeAborts has a watchdog end the daemon, which says where it is, and nothing of what it knows.
func TestServeAborts(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGABRT, syscall.SIGQUIT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			s := newServed(t)
			s.start("")
			s.hears("READY=1")
			if err := s.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if err := s.Wait(s.ctx); err == nil || err.Error() != "exit status 134" {
				t.Errorf("it ends with %v", err)
			}
			log := s.Log()
			for _, want := range []string{"ended by the signal \"" + sig.String() + "\"", "main.(*installation).serve+", "main.main+"} {
				if !strings.Contains(log, want) {
					t.Errorf("it does not say %q but\n%s", want, log)
				}
			}
			// As in "main.f(0xc000012345, {0x1, 0x2})" and "rax    0xca".
			if values := regexp.MustCompile(`(?m)\w\((0x|\{)|^r[a-z0-9]+ +0x`).FindString(log); values != "" {
				t.Errorf("it shows values, %q:\n%s", values, log)
			}
		})
	}
}

// TestServeEndsByAnError has the status say so, and not what it was when the daemon could still start.
func TestServeEndsByAnError(t *testing.T) {
	t.Parallel()
	s := newServed(t)
	s.configure("policy.mode = \"what\"\n")
	s.start("")
	s.hears("STATUS=ended by an error; the log says by which")
}

package labtest

import (
	"context"
	"os"
	"strings"
	"testing"

	"sealmilter/internal/lab"
)

// StartHost starts a throw-away Debian, mail.example.org, on which packages are installed. It is gone when the test ends.
func StartHost(ctx context.Context, t testing.TB, packages ...string) *lab.Host {
	t.Helper()
	return startHost(ctx, t, lab.HostConfig{Packages: packages})
}

// BootHost starts one that is run by systemd, with its services.
func BootHost(ctx context.Context, t testing.TB, packages ...string) *lab.Host {
	t.Helper()
	return startHost(ctx, t, lab.HostConfig{Packages: packages, Systemd: true})
}

func startHost(ctx context.Context, t testing.TB, config lab.HostConfig) *lab.Host {
	t.Helper()
	config.Name, config.Progress = "mail.example.org", os.Stderr
	h, err := lab.StartHost(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	CloseAfter(t, h.Close)
	return h
}

// Succeeds has a host's shell run a command, which must succeed and print every want. It returns all that is printed.
func Succeeds(ctx context.Context, t testing.TB, h *lab.Host, command string, wants ...string) string {
	t.Helper()
	out, err := h.Run(ctx, "sh", "-c", command)
	if err != nil {
		t.Fatal(err)
	}
	prints(t, command, out, wants)
	return out
}

// Fails has a host's shell run a command, which must fail and print every want.
func Fails(ctx context.Context, t testing.TB, h *lab.Host, command string, wants ...string) {
	t.Helper()
	out, err := h.Run(ctx, "sh", "-c", command)
	if err == nil {
		t.Errorf("%s: it did not fail:\n%s", command, out)
	}
	prints(t, command, out, wants)
}

func prints(t testing.TB, command, out string, wants []string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(out, want) {
			t.Errorf("%s: it does not print %q but\n%s", command, want, out)
		}
	}
}

package keys_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"sealmilter/internal/lab/labtest"
)

// gnupgHome is an empty home of the real gpg.
type gnupgHome string

func newGnuPGHome(t testing.TB) gnupgHome {
	t.Helper()
	return gnupgHome(labtest.NewGnuPGHome(t))
}

func (home gnupgHome) command(ctx context.Context, args ...string) *exec.Cmd {
	all := append([]string{"--homedir", string(home), "--batch", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)
	if dirmngr := os.Getenv(insideNetwork); dirmngr != "" {
		all = append([]string{"--dirmngr-program", dirmngr}, all...)
	}
	cmd := exec.CommandContext(ctx, "gpg", all...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	return cmd
}

// quickKey makes a key in the home, which lives forever.
func (home gnupgHome) quickKey(t testing.TB, userID, passphrase string) {
	t.Helper()
	cmd := home.command(t.Context(), "--passphrase", passphrase, "--quick-generate-key", userID, "default", "default", "never")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func (home gnupgHome) endAgent(t testing.TB) {
	t.Helper()
	if out, err := exec.Command("gpgconf", "--homedir", string(home), "--kill", "gpg-agent").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// agentRuns asks the agent's socket.
func (home gnupgHome) agentRuns(t testing.TB) bool {
	t.Helper()
	socket, err := exec.Command("gpgconf", "--homedir", string(home), "--list-dirs", "agent-socket").Output()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", strings.TrimSpace(string(socket)))
	if err == nil {
		conn.Close()
	}
	return err == nil
}

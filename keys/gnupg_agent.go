package keys

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// gnupgAgent is the gpg-agent of a home.
type gnupgAgent struct {
	socket string // "" if it cannot be found
	ran    bool   // before we came
}

// findAgent looks whether an agent runs, without starting one.
func (g *gnupgExport) findAgent() gnupgAgent {
	gpgconf := filepath.Join(filepath.Dir(g.options.Program), "gpgconf")
	out, err := exec.CommandContext(g.ctx, gpgconf, append(g.home, "--list-dirs", "agent-socket")...).Output()
	if err != nil {
		return gnupgAgent{}
	}
	agent := gnupgAgent{socket: strings.TrimSpace(string(out))}
	if conn, err := net.Dial("unix", agent.socket); err == nil {
		conn.Close()
		agent.ran = true
	}
	return agent
}

// end tells the agent to end, in its own protocol, unless it ran before, and waits until it has.
func (a gnupgAgent) end() error {
	if a.ran || a.socket == "" {
		return nil
	}
	conn, err := net.Dial("unix", a.socket)
	if err != nil {
		return nil // none was started
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(conn, "KILLAGENT"); err != nil {
		return fmt.Errorf("end gpg-agent: %w", err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		return fmt.Errorf("end gpg-agent: %w", err)
	}
	return nil
}

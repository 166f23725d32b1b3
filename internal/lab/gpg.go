package lab

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// GPG is the real GnuPG with a key ring of its own. Its methods are safe for concurrent use.
type GPG struct {
	home string
	tree Tree
	// copying is held while the key ring is copied: two copies would both end the agent, each in the other's conversation.
	copying sync.Mutex
}

// NewGPG makes an empty key ring. It uses the machine's gpg if that is complete, and Debian's packages otherwise.
// The caller closes it.
func NewGPG(ctx context.Context, progress io.Writer) (*GPG, error) {
	var tree Tree
	for _, program := range []string{"gpg", "gpg-agent", "gpgconf"} {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		var err error
		if tree, err = Unpack(ctx, progress, "gpg", "gpg-agent", "gpgconf"); err != nil {
			return nil, err
		}
		break
	}
	home, err := os.MkdirTemp("/tmp", "sealmilter-gpg-") // short: the agent's socket lies in it
	if err != nil {
		return nil, err
	}
	return &GPG{home: home, tree: tree}, nil
}

// Copy makes a second key ring with the same keys. Nobody uses this one meanwhile but other calls of Copy. The caller closes it.
func (g *GPG) Copy() (*GPG, error) {
	g.copying.Lock()
	defer g.copying.Unlock()
	// The agent's sockets lie in the folder and go with it.
	if err := g.killAgent(); err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp("/tmp", "sealmilter-gpg-")
	if err != nil {
		return nil, err
	}
	c := &GPG{home: home, tree: g.tree}
	if err := os.Remove(home); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if err := CopyPrivate(home, g.home); err != nil {
		return nil, errors.Join(fmt.Errorf("copy a key ring: %w", err), c.Close())
	}
	return c, nil
}

// Home returns the folder of the key ring, for GNUPGHOME.
func (g *GPG) Home() string { return g.home }

// Close ends the agent and removes the key ring.
func (g *GPG) Close() error {
	return errors.Join(g.killAgent(), os.RemoveAll(g.home))
}

// killAgent tells the agent to end in its own protocol, if one was ever started, and waits until it has.
func (g *GPG) killAgent() error {
	ctx, cancel := untilKilled()
	defer cancel()
	conn, agent, err := g.dialAgent(ctx)
	if err != nil {
		return fmt.Errorf("end gpg-agent: %w", err)
	}
	if conn == nil {
		return nil
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := fmt.Fprintln(conn, "KILLAGENT"); err != nil {
		return fmt.Errorf("end gpg-agent: %w", err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		return fmt.Errorf("end gpg-agent: %w", err)
	}
	// It hangs up somewhat earlier. What nobody has waited for has no command line any more.
	return until(ctx, nil, func() (bool, error) {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", agent))
		return err != nil || len(line) == 0, nil
	})
}

// dialAgent connects to the agent, and asks it which process it is. Without an agent there is no connection.
func (g *GPG) dialAgent(ctx context.Context) (conn net.Conn, agent int, err error) {
	// Where there is a /run/user/UID, the socket is not in the key ring's folder.
	socket, err := g.command(ctx, "gpgconf", "--list-dirs", "agent-socket").Output()
	if err != nil {
		return nil, 0, fmt.Errorf("find the socket of gpg-agent: %w", err)
	}
	conn, err = new(net.Dialer).DialContext(ctx, "unix", strings.TrimSpace(string(socket)))
	if err != nil {
		return nil, 0, nil
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	// The process that began to listen is another one, which has ended.
	if _, err = fmt.Fprintln(conn, "GETINFO pid"); err == nil {
		agent, err = readPID(conn)
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("ask gpg-agent for its process ID: %w", err), conn.Close())
	}
	return conn, agent, nil
}

// readPID reads the answer to "GETINFO pid", which is "D" and a number between two lines with "OK".
func readPID(conn io.Reader) (pid int, err error) {
	lines := bufio.NewScanner(conn)
	for oks := 0; oks < 2 && lines.Scan(); {
		switch word, rest, _ := strings.Cut(lines.Text(), " "); word {
		case "OK":
			oks++
		case "D":
			pid, err = strconv.Atoi(rest)
		case "ERR":
			err = errors.New(rest)
		}
	}
	if err == nil && pid == 0 {
		err = cmp.Or(lines.Err(), io.ErrUnexpectedEOF)
	}
	return pid, err
}

// Agent returns the process ID of the agent, which there is once gpg has used a secret key.
func (g *GPG) Agent(ctx context.Context) (int, error) {
	conn, agent, err := g.dialAgent(ctx)
	if err != nil {
		return 0, err
	}
	if conn == nil {
		return 0, errors.New("gpg has not started an agent")
	}
	return agent, conn.Close()
}

// command prepares one of GnuPG's programs for this key ring.
func (g *GPG) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	path := name
	if g.tree.Root != "" {
		path = g.tree.Path("/usr/bin/" + name)
		if name == "gpg" {
			args = append([]string{"--agent-program", g.tree.Path("/usr/bin/gpg-agent")}, args...)
		}
	}
	cmd := exec.CommandContext(ctx, path, append([]string{"--homedir", g.home}, args...)...)
	cmd.Env = append(g.tree.Env(), "LC_ALL=C")
	return cmd
}

// Command prepares gpg, which asks for nothing and takes every certificate.
func (g *GPG) Command(ctx context.Context, args ...string) *exec.Cmd {
	return g.command(ctx, "gpg", append([]string{"--batch", "--no-tty", "--trust-model", "always"}, args...)...)
}

// run executes gpg with the passphrase for whatever asks for one, and returns what it wrote and its status lines
// without their "[GNUPG:] " (GnuPG's doc/DETAILS explains them).
func (g *GPG) run(ctx context.Context, input []byte, passphrase string, args ...string) (out []byte, status []string, err error) {
	statusReader, statusWriter, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer statusReader.Close()
	cmd := g.command(ctx, "gpg", append([]string{
		"--batch", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", passphrase,
		"--trust-model", "always", "--status-fd", "3", "--utf8-strings",
	}, args...)...)
	cmd.Stdin = bytes.NewReader(input)
	cmd.ExtraFiles = []*os.File{statusWriter}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		statusWriter.Close()
		return nil, nil, err
	}
	statusWriter.Close()
	text, readErr := io.ReadAll(statusReader)
	err = errors.Join(cmd.Wait(), readErr)
	for line := range strings.Lines(string(text)) {
		if s, found := strings.CutPrefix(strings.TrimSpace(line), "[GNUPG:] "); found && s != "" {
			status = append(status, s)
		}
	}
	if err != nil {
		err = fmt.Errorf("gpg %s: %w%s", strings.Join(args, " "), err, quoteLog(stderr.String()))
	}
	return stdout.Bytes(), status, err
}

// Run executes gpg without a passphrase, such as with "--armor", "--detach-sign", and returns what it wrote.
func (g *GPG) Run(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	out, _, err := g.run(ctx, input, "", args...)
	return out, err
}

// Generate makes a key for a user ID such as "Alice <alice@example.org>": Ed25519 to certify and sign, Curve25519 to
// encrypt, no expiry. An empty passphrase leaves the secret key unprotected. It returns the fingerprint.
func (g *GPG) Generate(ctx context.Context, userID, passphrase string) (fingerprint string, err error) {
	_, status, err := g.run(ctx, nil, passphrase, "--quick-generate-key", userID, "ed25519", "cert,sign", "never")
	if err != nil {
		return "", err
	}
	for _, line := range status {
		if fields := strings.Fields(line); fields[0] == "KEY_CREATED" && len(fields) >= 3 {
			fingerprint = fields[2]
		}
	}
	_, _, err = g.run(ctx, nil, passphrase, "--quick-add-key", fingerprint, "cv25519", "encrypt", "never")
	return fingerprint, err
}

// Import adds public or secret keys, armored or binary.
func (g *GPG) Import(ctx context.Context, keys []byte) error {
	_, err := g.Run(ctx, keys, "--import")
	return err
}

// ExportPublic returns the armored certificate of a fingerprint or address.
func (g *GPG) ExportPublic(ctx context.Context, who string) ([]byte, error) {
	return g.Run(ctx, nil, "--armor", "--export", who)
}

// ExportSecret returns the armored secret key of a fingerprint or address. It stays protected by the passphrase it
// was generated with, which is needed.
func (g *GPG) ExportSecret(ctx context.Context, who, passphrase string) ([]byte, error) {
	out, _, err := g.run(ctx, nil, passphrase, "--armor", "--export-secret-keys", who)
	return out, err
}

// Fingerprint returns the fingerprint of the certificate of a user ID or an address in angle brackets.
func (g *GPG) Fingerprint(ctx context.Context, who string) (string, error) {
	records, err := g.list(ctx, who, "fpr")
	if err != nil {
		return "", err
	}
	if len(records) == 0 {
		return "", fmt.Errorf("gpg lists no key of %s", who)
	}
	return records[0][9], nil // the primary key's comes first
}

// KeyIDs returns the key IDs of a certificate, 16 hexadecimal digits each: the primary key's, then the subkeys'.
// [Opened].Recipients holds such IDs.
func (g *GPG) KeyIDs(ctx context.Context, who string) ([]string, error) {
	records, err := g.list(ctx, who, "pub", "sub")
	var ids []string
	for _, record := range records {
		ids = append(ids, record[4])
	}
	return ids, err
}

// list returns the records of these types of a certificate (GnuPG's doc/DETAILS, "Format of the colon listings").
func (g *GPG) list(ctx context.Context, who string, types ...string) (records [][]string, err error) {
	out, err := g.Run(ctx, nil, "--with-colons", "--list-keys", who)
	for line := range strings.Lines(string(out)) {
		if fields := strings.Split(line, ":"); len(fields) > 9 && slices.Contains(types, fields[0]) {
			records = append(records, fields)
		}
	}
	return records, err
}

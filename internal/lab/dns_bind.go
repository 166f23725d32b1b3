package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// BIND is a real validating resolver and, behind it, a real name server with a small DNS of its own on loopback: a
// signed root zone, an unsigned zone "unsigned.example." and a zone "bogus.example." whose signatures do not verify.
type BIND struct {
	// Addr is the resolver's address for UDP and TCP, "127.0.0.1:port".
	Addr string

	tree Tree
	scratch
	server    string // the address of the name server
	processes []*Process
}

// BINDConfig says what the zones hold, as lines of zone files (RFC 1035, section 5) with absolute names.
type BINDConfig struct {
	Signed, Unsigned, Bogus []string
	// Progress gets a line for each step that may take long; nil discards them.
	Progress io.Writer
}

// StartBIND starts both servers from Debian's package and returns when they answer. The caller closes it.
func StartBIND(ctx context.Context, config BINDConfig) (*BIND, error) {
	tree, err := Unpack(ctx, config.Progress, "bind9")
	if err != nil {
		return nil, fmt.Errorf("start BIND: %w", err)
	}
	b := &BIND{tree: tree}
	return started("BIND", b, b.start(ctx, config))
}

func (b *BIND) start(ctx context.Context, config BINDConfig) (err error) {
	if err := b.claim(&b.server, &b.Addr); err != nil {
		return err
	}
	key, err := b.makeKey(ctx)
	if err != nil {
		return err
	}
	// The delegation of the bogus zone promises a key that the zone does not have.
	root := append([]string{"unsigned.example. NS ns.example.", "bogus.example. NS ns.example.", "ns.example. A 127.0.0.1",
		fmt.Sprintf("bogus.example. DS 1 13 2 %064x", 1)}, config.Signed...)
	err = b.write(0o644, map[string]string{
		"root.zone":     zoneFile(".", root),
		"unsigned.zone": zoneFile("unsigned.example.", config.Unsigned),
		"bogus.zone":    zoneFile("bogus.example.", config.Bogus),
		"server.conf":   b.serverConf(),
		"resolver.conf": b.resolverConf(key),
	})
	if err != nil {
		return err
	}
	sign := b.command(ctx, "/usr/bin/dnssec-signzone", "-z", "-S", "-K", b.dir, "-o", ".", "-f", b.path("root.signed"), b.path("root.zone"))
	if out, err := sign.CombinedOutput(); err != nil {
		return fmt.Errorf("sign the root zone: %w%s", err, quoteLog(string(out)))
	}
	for _, name := range []string{"server.conf", "resolver.conf"} {
		// -g keeps named(8) in the foreground.
		process, err := StartProcess(b.command(context.WithoutCancel(ctx), "/usr/sbin/named", "-g", "-n", "1", "-c", b.path(name)))
		if err != nil {
			return err
		}
		b.processes = append(b.processes, process)
		if err := process.WaitLog(ctx, " running\n"); err != nil {
			return err
		}
	}
	return nil
}

// makeKey makes the key of the root zone and returns its DNSKEY data.
func (b *BIND) makeKey(ctx context.Context) (string, error) {
	out, err := b.command(ctx, "/usr/bin/dnssec-keygen", "-q", "-K", b.dir, "-a", "ECDSAP256SHA256", "-f", "KSK", ".").Output()
	if err != nil {
		return "", fmt.Errorf("make a key: %w", err)
	}
	name := strings.TrimSpace(string(out)) // "K.+013+12345"
	text, err := os.ReadFile(b.path(name + ".key"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if _, fields, found := strings.Cut(line, "DNSKEY "); found && !strings.HasPrefix(line, ";") {
			return strings.TrimSpace(fields), nil
		}
	}
	return "", fmt.Errorf("there is no key in %s.key", name)
}

func (b *BIND) command(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := b.tree.Command(ctx, path, args...)
	cmd.Dir = b.dir
	return cmd
}

// serverConf is the configuration of the name server.
func (b *BIND) serverConf() string {
	return b.options("server", b.server, "recursion no;") + fmt.Sprintf(`
zone "." { type primary; file %q; };
zone "unsigned.example" { type primary; file %q; };
zone "bogus.example" { type primary; file %q; };
`, b.path("root.signed"), b.path("unsigned.zone"), b.path("bogus.zone"))
}

// resolverConf is the configuration of the resolver, which trusts the key of the root zone.
func (b *BIND) resolverConf(key string) string {
	fields := strings.Fields(key)
	return b.options("resolver", b.Addr, fmt.Sprintf("recursion yes; dnssec-validation yes; empty-zones-enable no; forward only; forwarders { 127.0.0.1 port %s; };",
		portOf(b.server))) + fmt.Sprintf("\ntrust-anchors { \".\" static-key %s %q; };\n", strings.Join(fields[:3], " "), strings.Join(fields[3:], ""))
}

func (b *BIND) options(name, addr, more string) string {
	return fmt.Sprintf(`options {
	directory %q;
	pid-file %q;
	session-keyfile %q;
	listen-on port %s { 127.0.0.1; };
	listen-on-v6 { none; };
	%s
};
controls { };
`, b.dir, b.path(name+".pid"), b.path(name+".key"), portOf(addr), more)
}

// zoneFile returns a zone with these records.
func zoneFile(origin string, records []string) string {
	return "$TTL 300\n" + origin + " SOA ns.example. hostmaster.example. 1 1800 900 604800 300\n" +
		origin + " NS ns.example.\n" + strings.Join(records, "\n") + "\n"
}

// Log returns what both servers have logged so far.
func (b *BIND) Log() string {
	var all strings.Builder
	for _, process := range b.processes {
		all.WriteString(process.Log())
	}
	return all.String()
}

// Close ends both servers and removes their zones. It may be called again.
func (b *BIND) Close() error {
	ctx, cancel := untilKilled()
	defer cancel()
	var failures []error
	for _, process := range b.processes {
		failures = append(failures, process.Stop(ctx))
	}
	b.processes = nil
	return errors.Join(append(failures, b.release())...)
}

package postfix_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// life is one relay host with the built-in database, through some days of which most are long apart.
type life struct {
	*scenario.Cluster
	ctx  context.Context
	host *relayHost
	// used is the certificate of the keyed recipient that was used first, and newer one that waits for a decision.
	used, newer string
}

func newLife(t *testing.T) *life {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), labtest.Patience)
	t.Cleanup(cancel)
	l := &life{ctx: ctx, Cluster: newWorld(t, ctx, stock.Build(t))}
	l.host = newHost(t, ctx, l.Cluster, "life")
	done(t, l.host.Configure("", ""))
	enrol(t, ctx, l.Cluster, l.host, "alice@example.org")
	l.used = join(t, ctx, l.Cluster, l.host, keyed)
	join(t, ctx, l.Cluster, l.host, hidden)
	return l
}

// docsCommands returns the commands of a section of a page.
func docsCommands(t *testing.T, page, section string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n## "+section+"\n")
	rest, _, _ = strings.Cut(rest, "\n## ")
	blocks := regexp.MustCompile("(?ms)^```\n(.*?)^```").FindAllStringSubmatch(rest, -1)
	if !found || len(blocks) == 0 {
		t.Fatalf("%s has no commands under %q", page, section)
	}
	var b strings.Builder
	for _, block := range blocks {
		b.WriteString(block[1])
	}
	return b.String()
}

// types runs commands of the documents on the host, whose paths are others, and which has no systemd and no user of its
// own for the daemon.
func (l *life) types(t *testing.T, commands string) string {
	t.Helper()
	bin := t.TempDir()
	stubs := map[string]string{
		"sealmilter": fmt.Sprintf("exec %s -c %s \"$@\"", stock.Build(t), l.host.File()),
		"systemctl":  fmt.Sprintf("[ \"$*\" = 'stop sealmilter' ] && kill %d 2>/dev/null && tail --pid=%[1]d -f /dev/null; true", l.host.PID()),
		"chown":      "true",
	}
	for name, text := range stubs {
		done(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	}
	commands = strings.NewReplacer("/var/lib/sealmilter", l.host.State, "/var/backups/sealmilter", filepath.Join(l.host.State, "..", "backups"),
		"/etc/sealmilter/sealmilter.toml", l.host.File(), " -o sealmilter -g sealmilter", "").Replace(commands)
	cmd := exec.CommandContext(l.ctx, "/bin/sh", "-eu", "-c", commands)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", commands, err, out)
	}
	return string(out)
}

// TestBackupAndRestore backs a host up while mail flows, loses its state in the middle of a message, and restores it by the
// commands of the documents.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	done(t, l.host.Serve(l.ctx))
	submit(t, l.ctx, l.Cluster, l.host, threefold("before", "250", whole()))
	l.newer = join(t, l.ctx, l.Cluster, l.host, keyed)
	// A message is sent to some: the rest is to come when its client tries again.
	l.host.door.meanwhile(l.ctx, keyless, closed, func() error { return nil })
	submit(t, l.ctx, l.Cluster, l.host, threefold("half", "451 4.3.2", half))

	since, over := len(l.Sink.Deliveries()), make(chan struct{})
	sent := 0
	var flow sync.WaitGroup
	flow.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
			}
			client, err := lab.Dial(l.ctx, l.host.mta.Addr)
			if err != nil {
				t.Error(err)
				return
			}
			letter := letter{id: fmt.Sprintf("flow-%d", sent), to: []string{keyed, hidden}}
			if reply, err := speak(client, letter, func() {}); err != nil || reply.Code != 250 {
				t.Errorf("while a backup was made, a client heard %q, %v", flat(reply), err)
				return
			}
			client.Drop()
			sent++
		}
	})
	l.types(t, docsCommands(t, "operations.md", "Back up"))
	close(over)
	flow.Wait()
	labtest.WaitEmpty(l.ctx, t, l.host.mta)
	if got := len(l.Sink.Deliveries()) - since; got != 2*sent || sent == 0 {
		t.Errorf("%d messages to two recipients each became %d", sent, got)
	}

	done(t, l.host.Kill())
	done(t, os.RemoveAll(l.host.State))
	restore, check, found := strings.Cut(docsCommands(t, "operations.md", "Restore"), "systemctl start sealmilter\n")
	if !found || !strings.Contains(check, "sealmilter check") {
		t.Fatalf("the daemon is not started, or not checked:\n%s", restore)
	}
	l.types(t, restore)
	done(t, l.host.Serve(l.ctx))
	// What is wrong with the laboratory's mail server is none of the restore's business.
	if report := l.types(t, strings.TrimSpace(check)+" || true"); !strings.Contains(report, "ok       sender alice@example.org: the key ") ||
		!strings.Contains(report, "warning  keys: certificates that wait for a decision: 1") {
		t.Errorf("check says\n%s", report)
	}

	// Those who have got it do not get it again; the conflict is still there, and the former certificate still in use.
	submit(t, l.ctx, l.Cluster, l.host, threefold("half", "250", rest))
	arrived := submit(t, l.ctx, l.Cluster, l.host, letter{id: "after", to: []string{keyed}, got: rest[:1]})
	for _, d := range arrived {
		if yes, err := l.EncryptedTo(l.ctx, d.Data, l.used); err != nil || !yes {
			t.Errorf("it is not encrypted to the certificate that was in use: %v", err)
		}
	}
	if conflicts := string(run(t, l.ctx, l.host, nil, "keys", "list", "--conflicts", "--json")); !strings.Contains(conflicts, l.newer) {
		t.Errorf("the conflicts are %s", conflicts)
	}
}

// speak says the dialogue of a letter, and waits for something between the last recipient and the text.
func speak(client *lab.Client, l letter, meanwhile func()) (reply lab.Reply, err error) {
	steps := []func() (lab.Reply, error){
		func() (lab.Reply, error) { return client.AuthPlain(l.sender(), l.sender()) },
		func() (lab.Reply, error) { return client.Mail(l.sender() + "@example.org") },
	}
	for _, to := range l.envelope() {
		steps = append(steps, func() (lab.Reply, error) { return client.Rcpt(to) })
	}
	for _, step := range steps {
		if reply, err = step(); err != nil || reply.Code/100 != 2 {
			break
		}
	}
	meanwhile()
	if err != nil || reply.Code/100 != 2 {
		return reply, err
	}
	return client.Data([]byte(strings.ReplaceAll(l.text(), "\n", "\r\n")))
}

// TestRestartWithSocket has systemd's part done by the test: a socket that stays open. Messages in work come to their end,
// and a client that comes between two daemons waits for the next one.
func TestRestartWithSocket(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	listener, err := net.Listen("tcp", l.host.Listen)
	if err != nil {
		t.Fatal(err)
	}
	socket, err := listener.(*net.TCPListener).File()
	done(t, err)
	defer socket.Close()
	done(t, listener.Close())
	serve := func() *lab.Process {
		t.Helper()
		cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=milter exec "$0" serve -c "$1"`, stock.Build(t), l.host.File())
		cmd.ExtraFiles = []*os.File{socket}
		p, err := lab.StartProcess(cmd)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Kill() })
		done(t, p.WaitLog(l.ctx, "msg=serving"))
		return p
	}
	first := serve()
	since := len(l.Sink.Deliveries())

	// Three messages are in work, of which each has its recipients already.
	var letters []letter
	var begun, ended sync.WaitGroup
	told := make(chan struct{})
	begun.Add(3)
	for i := range 3 {
		l3 := threefold(fmt.Sprintf("in-work-%d", i), "", nil)
		letters = append(letters, l3)
		ended.Go(func() {
			client, err := lab.Dial(l.ctx, l.host.mta.Addr)
			if err != nil {
				t.Error(err)
				begun.Done()
				return
			}
			defer client.Drop()
			reply, err := speak(client, l3, func() {
				begun.Done()
				<-told
			})
			if err != nil || reply.Code != 250 {
				t.Errorf("in work, a client heard %q, %v\n%s", flat(reply), err, first.Log())
			}
		})
	}
	begun.Wait()
	done(t, first.Signal(syscall.SIGTERM))
	done(t, first.WaitLog(l.ctx, "draining"))
	close(told)
	ended.Wait()
	if err := first.Wait(l.ctx); err != nil {
		t.Errorf("%v\n%s", err, first.Log())
	}

	// Nobody serves now. Postfix connects all the same, before it greets its client.
	waits := make(chan error, 1)
	between := letter{id: "between", to: []string{keyed, hidden}}
	go func() {
		client, err := lab.Dial(l.ctx, l.host.mta.Addr)
		if err != nil {
			waits <- err
			return
		}
		defer client.Drop()
		reply, err := speak(client, between, func() {})
		if err == nil && reply.Code != 250 {
			err = fmt.Errorf("between two daemons, a client heard %q", flat(reply))
		}
		waits <- err
	}()
	// The socket can be read when somebody waits to be accepted.
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(socket.Fd()), Events: unix.POLLIN}}, int(labtest.Patience.Milliseconds())); n != 1 {
		t.Fatalf("Postfix has not connected: %v", err)
	}
	second := serve()
	if err := <-waits; err != nil {
		t.Errorf("%v\n%s", err, second.Log())
	}
	labtest.WaitEmpty(l.ctx, t, l.host.mta)
	if got, want := len(l.Sink.Deliveries())-since, len(letters)*len(whole())+2; got != want {
		t.Errorf("%d messages have arrived, not %d", got, want)
	}
	done(t, second.Stop(l.ctx))
}

// TestRotation replaces the key of a sender. What was sent before stays readable, and nothing is refused.
func TestRotation(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	done(t, l.host.Serve(l.ctx))
	submit(t, l.ctx, l.Cluster, l.host, threefold("former-key", "250", whole()))
	former := firstPrint(t, run(t, l.ctx, l.host, nil, "keys", "list", "--secret", "--json"))
	out := string(run(t, l.ctx, l.host, nil, "keys", "generate", "--replace", "alice@example.org"))
	if !strings.Contains(out, "It takes the place of "+former) {
		t.Errorf("it says %q", out)
	}
	done(t, l.Meet(l.ctx, l.host.Host, "alice@example.org"))
	submit(t, l.ctx, l.Cluster, l.host, threefold("new-key", "250", whole()))
	if now := firstPrint(t, run(t, l.ctx, l.host, nil, "keys", "list", "--secret", "--json")); now == former {
		t.Errorf("%s still signs", now)
	}
	// Answers to the former one can still be read.
	if secret := string(run(t, l.ctx, l.host, nil, "keys", "export", "--secret", former)); !strings.Contains(secret, "BEGIN PGP PRIVATE KEY BLOCK") {
		t.Errorf("the former key is %q", secret)
	}
	run(t, l.ctx, l.host, nil, "keys", "remove", "--secret", former)
	submit(t, l.ctx, l.Cluster, l.host, threefold("former-key-gone", "250", whole()))
}

// firstPrint returns the first fingerprint in what a command prints.
func firstPrint(t *testing.T, out []byte) string {
	t.Helper()
	m := regexp.MustCompile(`"fingerprint":"([0-9A-F]+)"`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("there is no fingerprint in %q", out)
	}
	return string(m[1])
}

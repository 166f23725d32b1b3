package container_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/deploy/postfix"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/pages"
)

const sources = "../.."

// engine is a throw-away Debian with podman, from Debian's packages, and a Postfix.
type engine struct {
	*lab.Host
	ctx  context.Context
	sink *lab.Sink
}

// podman stands before the real one, which is told what is missing on a host within a host: control groups, the right to
// raise limits, a file system for layers, and a site that has images.
const podman = `#!/bin/sh
command=$1; shift
case $command in
build)
	cd /src
	set -- --isolation=chroot --layers=false --build-arg=GO=localhost/go -v /usr:/usr:ro -v /usr/local/go:/usr/local/go:ro -v /etc/ssl:/etc/ssl:ro \
		-v /root/go/pkg/mod:/root/go/pkg/mod -v /root/.cache/go-build:/root/.cache/go-build "$@" ;;
run)
	set -- "$@" END
	while [ "$1" != END ]; do
		case $1 in
		--memory) shift ;;
		*) set -- "$@" "$1" ;;
		esac
		shift
	done
	shift
	set -- --cgroups=disabled --ulimit=nofile=8192:8192 --ulimit=nproc=1000:1000 "$@" ;;
esac
exec /usr/bin/podman --storage-driver=vfs --cgroup-manager=cgroupfs --events-backend=file "$command" "$@"
`

// startEngine starts the host. It knows the image localhost/go, which shows its own /usr to what is built.
func startEngine(t *testing.T) *engine {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	t.Cleanup(cancel)
	e := &engine{Host: labtest.StartHost(ctx, t, "postfix", "podman", "crun", "git", "ca-certificates"), ctx: ctx}
	err := e.Inside(func() (err error) {
		e.sink, err = lab.StartSink(lab.SinkConfig{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	labtest.CloseAfter(t, e.sink.Close)
	for path, variable := range map[string]string{"/usr/local/go": "GOROOT", "/root/go/pkg/mod": "GOMODCACHE", "/root/.cache/go-build": "GOCACHE"} {
		out, err := exec.CommandContext(ctx, "go", "env", variable).Output()
		if err == nil {
			err = e.Bind(ctx, strings.TrimSpace(string(out)), path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Bind(ctx, sources, "/src"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(e.Path("/usr/local/bin/podman"), []byte(podman), 0o755); err != nil {
		t.Fatal(err)
	}
	labtest.Succeeds(ctx, t, e.Host, "mount -t sysfs sysfs /sys && mount -t cgroup2 cgroup2 /sys/fs/cgroup")
	e.run(t, `mkdir -p /base/etc /base/tmp /base/usr /base/root /base/var/tmp && cd /base &&
for folder in bin lib lib64 sbin; do ln -s usr/$folder $folder; done
echo root:x:0:0:root:/root:/bin/sh >etc/passwd
tar -c . | podman import -c "ENV PATH=/usr/local/go/bin:/usr/bin:/bin" -c "ENV HOME=/root" -c "ENV GOPROXY=off" - localhost/go`)
	return e
}

// run runs a command beside the engine, which must succeed and print every want.
func (e *engine) run(t *testing.T, command string, wants ...string) string {
	t.Helper()
	cmd := e.Command(e.ctx, "sh", "-c", "cd /root; "+command)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	for _, want := range wants {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s: it does not print %q but\n%s", command, want, out)
		}
	}
	return string(out)
}

// commands returns what the page has the reader type in one of its sections.
func commands(t *testing.T, section string) []string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	steps, err := pages.Steps(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, step := range steps {
		if step.Command != "" && step.Section == section {
			all = append(all, step.Command)
		}
	}
	if len(all) == 0 {
		t.Fatalf("the page has no commands in %q", section)
	}
	return all
}

// configuration writes the example of the page, with the number that the mail server's user has on the host.
func (e *engine) configuration(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```toml\n")
	example, _, found := strings.Cut(example, "```")
	if !found || !strings.Contains(example, "uid:101") {
		t.Fatalf("the page has no configuration: %q", example)
	}
	uid := strings.TrimSpace(e.run(t, "mkdir -p /etc/sealmilter && id -u postfix"))
	// What is not on loopback is not asked.
	example = strings.ReplaceAll(example, "uid:101", "uid:"+uid) + "\n[keys]\nsources = [\"local\"]\n"
	if err := os.WriteFile(e.Path("/etc/sealmilter/sealmilter.toml"), []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wire wires Postfix by hand.
func (e *engine) wire(t *testing.T) {
	t.Helper()
	for file, fragment := range map[string]string{"main.cf": postfix.MainCF(postfix.Listen), "master.cf": postfix.MasterCF(postfix.Listen, postfix.Reinject)} {
		content, err := os.ReadFile(e.Path("/etc/postfix/" + file))
		if err == nil {
			content = append(withoutPickup(content), fragment...)
			err = os.WriteFile(e.Path("/etc/postfix/"+file), content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	labtest.Succeeds(e.ctx, t, e.Host, "postconf -e myhostname=mail.example.org maillog_file=/var/log/mail.log 'relayhost=["+
		strings.Replace(e.sink.Addr, ":", "]:", 1)+"' && postfix start")
}

// withoutPickup takes the line out that the fragment replaces.
func withoutPickup(master []byte) []byte {
	lines := bytes.SplitAfter(master, []byte("\n"))
	return bytes.Join(slices.DeleteFunc(lines, func(line []byte) bool { return bytes.HasPrefix(line, []byte("pickup")) }), nil)
}

// send hands a message to Postfix as a client on the host.
func (e *engine) send(t *testing.T, to ...string) lab.Reply {
	t.Helper()
	var last lab.Reply
	err := e.Inside(func() error {
		client, err := lab.Dial(e.ctx, "127.0.0.1:25")
		if err != nil {
			return err
		}
		defer client.Drop()
		message := "From: alice@example.org\r\nTo: " + strings.Join(to, ", ") + "\r\nSubject: words\r\n\r\nsecret words\r\n"
		_, last, err = client.Send("alice@example.org", to, []byte(message))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// TestContainer follows the page literally: the image is built, a container takes the mail of a Postfix beside it, and a new
// one goes on with its state.
func TestContainer(t *testing.T) {
	if os.Getenv("SEALMILTER_TEST_RELEASE") == "" {
		t.Skip("make deb-test runs it")
	}
	e := startEngine(t)
	build := commands(t, "")[0]
	e.run(t, build, "localhost/sealmilter")
	e.configuration(t)
	start := commands(t, "Run it")
	for _, command := range start {
		e.run(t, command)
	}
	const serving = `i=0; until podman logs sealmilter 2>&1 | grep event=serve.started; do i=$((i + 1)); [ $i -lt 300 ] || { podman logs sealmilter; exit 1; }; sleep 0.1; done`
	e.run(t, serving)
	e.wire(t)
	e.run(t, "podman run --rm -v elsewhere:/var/lib/sealmilter sealmilter keys generate bob@example.net")
	e.run(t, "podman run --rm -v elsewhere:/var/lib/sealmilter sealmilter keys export bob@example.net >bob.asc")

	var said strings.Builder
	for _, command := range commands(t, "Work with it") {
		if strings.HasPrefix(command, "podman stop") {
			break
		}
		said.WriteString(e.run(t, command))
	}
	for _, want := range []string{"now signs for alice@example.org", "ok       state: ", "ready"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the commands of the page do not say %q but\n%s", want, said.String())
		}
	}
	e.confined(t)
	e.run(t, `i=0; until podman logs sealmilter 2>&1 | grep event=config.reloaded; do i=$((i + 1)); [ $i -lt 100 ] || { podman logs sealmilter; exit 1; }; sleep 0.1; done`)
	e.run(t, "podman healthcheck run sealmilter")

	if reply := e.send(t, "bob@example.net", "carol@example.com"); reply.Code != 250 {
		t.Fatalf("the message: %v\n%s", reply, e.run(t, "podman logs sealmilter"))
	}
	if _, err := e.sink.Wait(e.ctx, 2); err != nil {
		t.Fatal(err)
	}
	e.arrived(t)
	e.run(t, "podman stop sealmilter && podman inspect --format '{{.State.ExitCode}}' sealmilter && podman logs sealmilter", "0\n", "event=serve.stopped")
	if reply := e.send(t, "bob@example.net"); reply.Code != 451 {
		t.Errorf("without a container the message gets %v", reply)
	}
	e.run(t, "podman start sealmilter")
	for _, command := range commands(t, "Upgrade") {
		if command != build { // the image is there already
			e.run(t, command)
		}
	}
	e.run(t, start[len(start)-1])
	e.run(t, serving)
	e.run(t, "podman exec sealmilter /usr/bin/sealmilter keys list --secret", "alice@example.org")
	if reply := e.send(t, "bob@example.net"); reply.Code != 250 {
		t.Errorf("in the new container the message gets %v", reply)
	}
	if _, err := e.sink.Wait(e.ctx, 3); err != nil {
		t.Fatal(err)
	}
	e.arrived(t)
}

// confined looks at what the kernel allows the daemon.
func (e *engine) confined(t *testing.T) {
	t.Helper()
	status := e.run(t, "cat /proc/$(podman inspect --format '{{.State.Pid}}' sealmilter)/status")
	for _, want := range []string{"Uid:\t65532\t65532\t65532\t65532\n", "Gid:\t65532\t", "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n", "NoNewPrivs:\t1\n"} {
		if !strings.Contains(status, want) {
			t.Errorf("the daemon's status has no %q:\n%s", want, status)
		}
	}
	out := e.run(t, "podman exec sealmilter /usr/bin/sealmilter store backup /file 2>&1 || true", "read-only file system")
	if strings.Contains(out, "was checked") {
		t.Errorf("the root file system can be written to:\n%s", out)
	}
}

// arrived checks that Bob's copies are encrypted, and Carol's is signed.
func (e *engine) arrived(t *testing.T) {
	t.Helper()
	for to, want := range map[string]string{"bob@example.net": "multipart/encrypted", "carol@example.com": "multipart/signed"} {
		for _, d := range e.sink.Mailbox(to) {
			c, err := lab.SplitContainer(d.Data)
			if err != nil || c.MediaType != want || c.Encrypted && bytes.Contains(d.Data, []byte("secret words")) {
				t.Errorf("%s has %v\n%s", to, err, d.Data)
			}
		}
	}
}

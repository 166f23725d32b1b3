package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/mail"
)

// setupHost is a throw-away host with an MTA of Debian's, and the program installed on it.
type setupHost struct {
	*lab.Host
	ctx  context.Context
	sink *lab.Sink
	bob  *crypto.Cert // a recipient
}

func startSetupHost(t *testing.T, packages ...string) *setupHost {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	t.Cleanup(cancel)
	h := &setupHost{Host: labtest.StartHost(ctx, t, packages...), ctx: ctx}
	if err := h.Install(shared.Build(t), "/usr/local/bin/sealmilter"); err != nil {
		t.Fatal(err)
	}
	err := h.Inside(func() (err error) {
		h.sink, err = lab.StartSink(lab.SinkConfig{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.sink.Close() })
	addr, err := mail.ParseAddr("bob@example.net")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := crypto.Generate(addr, crypto.GenerateOptions{Now: time.Now(), Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	h.bob = secret.Cert()
	return h
}

// run runs a command of the host, which must succeed and print every want.
func (h *setupHost) run(t *testing.T, command string, wants ...string) string {
	t.Helper()
	return labtest.Succeeds(h.ctx, t, h.Host, command, wants...)
}

// fails runs a command of the host, which must fail and print every want.
func (h *setupHost) fails(t *testing.T, command string, wants ...string) {
	t.Helper()
	labtest.Fails(h.ctx, t, h.Host, command, wants...)
}

// files returns the files of folders of the host with mode, owner and content, so that two states can be compared. Two files
// of Debian's sendmail are left out, which its script of init makes anew at each start.
func (h *setupHost) files(t *testing.T, folders ...string) string {
	t.Helper()
	return h.run(t, "find "+strings.Join(folders, " ")+" -type f ! -path /etc/mail/Makefile ! -path /etc/mail/databases -printf '%p %m %u %g ' -exec sha256sum {} \\; | sort; ls -la "+strings.Join(folders, " ")+" | awk '{print $1,$3,$4,$9}'")
}

// serve starts the daemon as the unit does, and waits until it listens.
func (h *setupHost) serve(t *testing.T) {
	t.Helper()
	unit, err := os.ReadFile(h.Path("/etc/systemd/system/sealmilter.service"))
	if err != nil {
		t.Fatal(err)
	}
	_, command, found := strings.Cut(string(unit), "\nExecStart=")
	command, _, _ = strings.Cut(command, "\n")
	if !found {
		t.Fatalf("the unit has no command:\n%s", unit)
	}
	// What systemd does: only root reads the file, and the daemon the credential.
	const credentials = "/run/credentials"
	h.run(t, "chmod 0600 /etc/sealmilter/passphrase && install -d -o sealmilter -m 0500 "+credentials+" && install -o sealmilter -m 0400 /etc/sealmilter/passphrase "+credentials+"/sealmilter-passphrase")
	const as = "exec setpriv --reuid=sealmilter --regid=sealmilter --init-groups --no-new-privs --bounding-set=-all env CREDENTIALS_DIRECTORY=" + credentials + " "
	h.run(t, "sealmilter keys generate alice@example.org")
	if err := os.WriteFile(h.Path("/tmp/bob.asc"), h.bob.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	h.run(t, "sealmilter keys import /tmp/bob.asc")
	daemon, err := lab.StartProcess(h.Command(h.ctx, "sh", "-c", "umask 077; "+as+command))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(daemon.Log())
		}
		daemon.Kill()
	})
	if err := daemon.WaitLog(h.ctx, "serving"); err != nil {
		t.Fatal(err)
	}
}

// sealed sends a message to a recipient with a key and one without, and looks at what the next hop gets.
func (h *setupHost) sealed(t *testing.T, number int) {
	t.Helper()
	const secret = "We meet at the old mill."
	before := len(h.sink.Deliveries())
	err := h.Inside(func() error {
		client, err := lab.Dial(h.ctx, "127.0.0.1:25")
		if err != nil {
			return err
		}
		defer client.Drop()
		message := "From: alice@example.org\r\nTo: bob@example.net, carol@example.com\r\nSubject: s\r\n\r\n" + secret + "\r\n"
		_, last, err := client.Send("alice@example.org", []string{"bob@example.net", "carol@example.com"}, []byte(message))
		if err == nil && last.Code != 250 {
			t.Errorf("the MTA says %v", last)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(h.ctx, 2*time.Minute)
	defer cancel()
	all, err := h.sink.Wait(ctx, before+2)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all[before:] {
		encrypted := bytes.Contains(d.Data, []byte("BEGIN PGP MESSAGE")) && !bytes.Contains(d.Data, []byte(secret))
		if encrypted != (d.To == "bob@example.net") || !bytes.Contains(d.Data, []byte("BEGIN PGP")) {
			t.Errorf("message %d for %s is\n%s", number, d.To, d.Data)
		}
	}
}

// sealedLocally has a program of the host send a message with sendmail(1).
func (h *setupHost) sealedLocally(t *testing.T) {
	t.Helper()
	before := len(h.sink.Deliveries())
	h.run(t, "printf 'From: alice@example.org\\nTo: bob@example.net\\nSubject: s\\n\\nWe meet at the old mill.\\n' | sendmail -f alice@example.org bob@example.net")
	ctx, cancel := context.WithTimeout(h.ctx, 2*time.Minute)
	defer cancel()
	all, err := h.sink.Wait(ctx, before+1)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all[before:] {
		if !bytes.Contains(d.Data, []byte("BEGIN PGP MESSAGE")) || bytes.Contains(d.Data, []byte("old mill")) {
			t.Errorf("for %s there is\n%s", d.To, d.Data)
		}
	}
}

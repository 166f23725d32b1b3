package scripted_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scripted"
)

// hush is in the Subject, in the text and in the passphrase of everything below, and never in a log or an answer.
const hush = "Zanzibar7731"

// TestNothingOfAMessageIsLogged shows the program messages that pass, messages that are refused for each part of them, and
// broken connections, at the level of the log that tells most; then it locks a key by a passphrase, opens it by another
// one, and makes the program crash with a message in its memory.
func TestNothingOfAMessageIsLogged(t *testing.T) {
	t.Parallel()
	w := stock.NewWorld(t.Context(), t, stock.Build(t), false)
	b := &bench{world: w}
	m := start(t, w, scripted.Config{Style: scripted.LikeSendmail}) // takes the copies
	settings := func(passphrase string) string {
		file := filepath.Join(t.TempDir(), "passphrase")
		said(t, os.WriteFile(file, []byte(passphrase+"\n"), 0o600))
		return fmt.Sprintf("log.level = \"debug\"\nsenders.trust = [\"192.0.2.25\", \"127.0.0.1\"]\nsenders.missing_key = \"generate\"\n"+
			"senders.passphrase_file = %q\nlimits.message = 100000\n", file)
	}
	p := labtest.Serve(t.Context(), t, w, "silence", settings("first-"+hush))

	texts := map[string]func(*hushed){
		"plain":              func(*hushed) {},
		"no Subject":         func(h *hushed) { h.header = h.header[:2] },
		"no From":            func(h *hushed) { h.header = h.header[1:] },
		"From is no address": func(h *hushed) { h.header[0].Value = " " + hush },
		"8-bit field":        func(h *hushed) { h.header[2].Value += " \xff" },
		"bare CR in Subject": func(h *hushed) { h.header[2].Value += "\rx" },
		"no way to fold":     func(h *hushed) { h.header[2].Value += strings.Repeat("x", 2000) },
		"name of a part":     func(h *hushed) { h.multipart(hush + ": \xff\x00\r\n\r\n") },
		"part without colon": func(h *hushed) { h.multipart(hush + " " + hush + "\r\n\r\n") },
		"part with bare CR":  func(h *hushed) { h.multipart("Content-Description: " + hush + "\rx\r\n\r\n") },
		"type of a part":     func(h *hushed) { h.multipart("Content-Type: " + hush + "/" + hush + "; \x00\r\n\r\n") },
		"encoding of a part": func(h *hushed) { h.multipart("Content-Transfer-Encoding: " + hush + "\r\n\r\n") },
		"base64":             func(h *hushed) { h.multipart("Content-Transfer-Encoding: base64\r\n\r\n!" + hush) },
		"deep": func(h *hushed) {
			h.body = strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 300)
			h.multipart(h.body)
		},
		"NUL":       func(h *hushed) { h.body += "\x00" },
		"too large": func(h *hushed) { h.body = strings.Repeat(h.body, 10000) },
		"not encrypted": func(h *hushed) {
			h.body = "-----BEGIN PGP MESSAGE-----\r\n\r\n" + hush + "\r\n-----END PGP MESSAGE-----\r\n"
		},
		"another's address": func(h *hushed) { h.from = "eve@example.org" },
		"new key":           func(h *hushed) { h.author("nokey") },
	}
	for name, change := range texts {
		h := newHushed()
		change(h)
		t.Logf("%s: %s", name, h.send(t, b))
	}
	for _, raw := range []string{
		frame('Z', hush), frame('L', hush), frame('B', hush)[:9], frame('M', "<sender\x00\x00"), "\x7f\x00\x00\x00" + hush, frame('E', hush) + frame('E', hush),
	} {
		conn, c := b.upToTheEnd(t, b.write("bob@example.net"))
		_, err := io.WriteString(conn, raw)
		said(t, err)
		said(t, c.Close())
	}
	silent(t, p)
	said(t, p.Stop(t.Context()))

	p = labtest.ServeAgain(t.Context(), t, w, "silence", settings("second-"+hush))
	h := newHushed()
	h.author("nokey")
	if answer := h.send(t, b); !strings.HasPrefix(answer, "451 ") {
		t.Errorf("with the wrong passphrase, the answer is %s", answer)
	}
	l := b.write("bob@example.net")
	l.subject = hush
	_, c := b.upToTheEnd(t, l)
	defer c.Close()
	said(t, p.Signal(syscall.SIGQUIT))
	if err := p.Wait(t.Context()); err == nil || !strings.Contains(p.Log(), "goroutine ") {
		t.Errorf("the crash left no trace: %v", err)
	}
	silent(t, p)
	said(t, m.WaitEmpty(t.Context()))
}

func silent(t *testing.T, p *lab.Process) {
	t.Helper()
	log := p.Log()
	for line := range strings.Lines(log) {
		if strings.Contains(line, hush) {
			t.Errorf("the log says %.300s", line)
		}
	}
	if !strings.Contains(log, "level=INFO") {
		t.Errorf("the log says nothing:\n%s", log)
	}
}

// hushed is a message with the marker in it.
type hushed struct {
	login, from string
	header      []scripted.Field
	body        string
}

func newHushed() *hushed {
	return &hushed{login: "alice", header: []scripted.Field{
		{Name: "From", Value: " Alice <alice@example.org>"},
		{Name: "To", Value: " bob@example.net, erin@example.com"},
		{Name: "Subject", Value: " " + hush},
	}, from: "alice@example.org", body: hush + "\r\n"}
}

// author makes the message somebody else's.
func (h *hushed) author(login string) {
	h.login, h.from = login, login+"@example.org"
	h.header[0].Value = " " + h.from
}

// multipart makes the body one with a part that begins with these octets.
func (h *hushed) multipart(part string) {
	h.header = append(h.header, scripted.Field{Name: "MIME-Version", Value: " 1.0"},
		scripted.Field{Name: "Content-Type", Value: " multipart/mixed; boundary=" + hush})
	h.body = "--" + hush + "\r\n" + part + "\r\n--" + hush + "--\r\n"
}

// send returns the answer to the message.
func (h *hushed) send(t *testing.T, b *bench) string {
	t.Helper()
	c := b.connect(t, trusted)
	defer c.Close()
	said(t, c.Macros('M', "i", "4QUEUE", "{auth_authen}", h.login))
	a, err := c.Mail("<" + h.from + ">")
	said(t, err)
	if a.Code == scripted.Continue {
		for _, to := range []string{"<bob@example.net>", "<erin@example.com>"} {
			wants(t, scripted.Continue)(c.Rcpt(to))
		}
		for _, f := range h.header {
			_, err := c.Field(f.Name, f.Value)
			said(t, err)
		}
		wants(t, scripted.Continue)(c.EndOfHeader())
		for _, piece := range scripted.Pieces([]byte(h.body)) {
			if a, err = c.Body(piece); err != nil || a.Code != scripted.Continue {
				break
			}
		}
		said(t, err)
		_, a, err = c.EndOfMessage(nil)
		said(t, err)
	}
	if strings.Contains(a.Reply, hush) {
		t.Errorf("the answer is %s", a.Reply)
	}
	return fmt.Sprintf("%s (%c)", a.Reply, a.Code)
}

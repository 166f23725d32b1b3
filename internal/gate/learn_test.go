package gate_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// learned is what a gate has told, one text for each message.
type learned []string

func (l *learned) SentEncrypted(author mail.Addr, readers []mail.Addr) {
	text := author.String() + ":"
	for _, r := range readers {
		text += " " + r.String()
	}
	*l = append(*l, text)
}

// TestLearn has messages that show whose certificates their author has, and others.
func TestLearn(t *testing.T) {
	automatic := func(_ *world, m *mail.Message) {
		m.Envelope = &mail.Envelope{NonSMTP: true, Local: true, User: "root", Client: netip.MustParseAddr("127.0.0.1")}
		m.Header[0].Value = " MAILER-DAEMON"
	}
	for _, tc := range []struct {
		name    string
		prepare func(*world, *mail.Message)
		to      []string
		want    learned
	}{
		{"encrypted here", nil, []string{"bob@example.net", "erin@example.com", "dave@example.net"},
			learned{"alice@example.org: bob@example.net dave@example.net"}},
		{"clear text", nil, []string{"erin@example.com"}, nil},
		{"refused", func(w *world, _ *mail.Message) { w.Config.Policy.Mode = config.Require }, []string{"bob@example.net", "erin@example.com"}, nil},
		{"no key of the author's", func(w *world, _ *mail.Message) {
			clear(w.signers)
			w.Config.Senders.MissingKey = config.EncryptOnly
		}, []string{"bob@example.net"}, nil},
		{"the author's first key", func(w *world, _ *mail.Message) {
			clear(w.signers)
			w.Config.Senders.MissingKey = config.GenerateKey
		}, []string{"bob@example.net"}, learned{"alice@example.org: bob@example.net"}},
		{"automatic", automatic, []string{"bob@example.net"}, nil},
		{"encrypted by the client", func(w *world, m *mail.Message) {
			came := w.encryptedTo(t, w.answers["bob@example.net"].Cert)
			m.Header, m.Body = came.Header, came.Body
		}, []string{"bob@example.net", "dave@example.net", "erin@example.com"}, learned{"alice@example.org: bob@example.net"}},
		{"of a mode that looks no key up", func(w *world, m *mail.Message) {
			came := w.encryptedTo(t, w.answers["bob@example.net"].Cert)
			m.Header, m.Body = came.Header, came.Body
			w.Config.Policy.Mode = config.Pass
		}, []string{"bob@example.net"}, nil},
		{"sent on by a list server for which a site key signs", func(w *world, m *mail.Message) {
			w.withSiteKey(t, "talk-bounces@lists.example.org")
			w.Config.Senders.Logins["lists"] = pattern(t, "*")
			m.Envelope.Login, m.Envelope.Sender = "lists", addr(t, "talk-bounces@lists.example.org")
			m.Header = append(m.Header, mail.Field{Name: "List-Id", Value: " <talk.lists.example.org>"})
		}, []string{"bob@example.net"}, nil},
		{"encrypted by somebody, with the null sender", func(w *world, m *mail.Message) {
			came := w.encryptedTo(t, w.answers["bob@example.net"].Cert)
			m.Header, m.Body = came.Header, came.Body
			m.Envelope = &mail.Envelope{Client: netip.MustParseAddr("127.0.0.1")}
		}, []string{"bob@example.net"}, nil},
		{"from elsewhere", func(w *world, m *mail.Message) {
			m.Envelope.Login, m.Envelope.Client = "", netip.MustParseAddr("192.0.2.1")
		},
			[]string{"bob@example.net"}, nil},
	} {
		for _, listens := range []bool{true, false} {
			w := newWorld(t)
			var got learned
			if listens {
				w.Learner = &got
			}
			m := message(t, "alice@example.org")
			if tc.prepare != nil {
				tc.prepare(w, m)
			}
			if _, err := w.submit(t, m, nil, tc.to...); err != nil && tc.name != "refused" {
				t.Errorf("%s: %v", tc.name, err)
			}
			want := tc.want
			if !listens {
				want = nil
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: learned %q, want %q", tc.name, got, want)
			}
		}
	}
}

// TestLearnNothingThatDidNotLeave has the MTA refuse a copy for now.
func TestLearnNothingThatDidNotLeave(t *testing.T) {
	w := newWorld(t)
	var got learned
	w.Learner = &got
	w.refuseRcpt = fmt.Errorf("later")
	if _, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net", "dave@example.net"); err == nil {
		t.Fatal("it was sent")
	}
	if len(got) > 0 {
		t.Errorf("learned %q", got)
	}
}

// TestLearnNothingOfSMIME has a client encrypt to bob's X.509 certificate, who has an OpenPGP certificate as well.
func TestLearnNothingOfSMIME(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	bob := labtest.NewX509(t, time.Now(), x509.Certificate{Subject: pkix.Name{CommonName: "bob"}, EmailAddresses: []string{"bob@example.net"}}, key)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "bob"), bob.Raw, 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	if w.SMIME, err = keys.ReadSMIME(folder, func(file string, problem error) { t.Errorf("%s: %v", file, problem) }); err != nil {
		t.Fatal(err)
	}
	var got learned
	w.Learner = &got
	m := message(t, "alice@example.org")
	header, body := mail.SplitMessage(labtest.Encipher(t, []byte("Content-Type: text/plain\r\n\r\nx\r\n"), []*x509.Certificate{bob}, "-aes256", "-outform", "SMIME"))
	m.Header, m.Body = append(m.Header, header...), body
	edit, err := w.submit(t, m, nil, "bob@example.net")
	if err != nil || edit.Body != nil || len(got) > 0 {
		t.Errorf("%v, learned %q of\n%s", err, got, text(t, edit))
	}
}

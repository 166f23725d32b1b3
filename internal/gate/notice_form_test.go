package gate_test

import (
	"bufio"
	"crypto/rand"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// tattle is what an MTA says that quotes a message when it refuses a copy of it.
const tattle = "the words secret subject are not wanted"

// refuseErin has the MTA refuse erin's copy, which is the second to leave.
func refuseErin(w *world) {
	w.refuse["erin@example.com"] = &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: tattle}
}

// partly is a message of which bob and dave get their copies, and erin does not.
func (w *world) partly(t *testing.T, sender string) (*mail.Edit, error) {
	t.Helper()
	m := message(t, sender)
	return w.submit(t, m, nil, "bob@example.net", "dave@example.net", "erin@example.com")
}

// notices are the messages in the queue that have the null sender.
func (w *world) notices() []delivery {
	return slices.DeleteFunc(slices.Clone(w.queue), func(d delivery) bool { return d.from != "" })
}

// newReader gives somebody a key whose secret part gpg has.
func (w *world) newReader(t *testing.T, who string) labtest.GnuPG {
	t.Helper()
	secret, err := crypto.Generate(addr(t, who), crypto.GenerateOptions{Now: time.Now(), Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	w.answers[addr(t, who).Key()] = keys.Answer{Status: keys.Found, Cert: secret.Cert(), Source: "local", SeenBefore: true, Level: keys.Fingerprint}
	g := labtest.GnuPG{Home: labtest.NewGnuPGHome(t), Now: time.Now().Add(time.Minute)}
	b, err := secret.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	g.Run(t, b, "--import")
	return g
}

// parts returns type, header and decoded content of the parts of a MIME entity.
func parts(t *testing.T, entity string) (mediaType string, params map[string]string, parts []part) {
	t.Helper()
	message, err := netmail.ReadMessage(strings.NewReader(entity))
	if err != nil {
		t.Fatalf("%v in\n%s", err, entity)
	}
	mediaType, params, err = mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	all := multipart.NewReader(message.Body, params["boundary"])
	for {
		p, err := all.NextRawPart()
		if err == io.EOF {
			return mediaType, params, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		var in io.Reader = p
		if p.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			in = quotedprintable.NewReader(p)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part{p.Header, string(content)})
	}
}

type part struct {
	header textproto.MIMEHeader
	text   string
}

// checkReport reads a delivery status notification as RFC 3464 has it, and makes sure that it is about these recipients.
func checkReport(t *testing.T, entity string, recipients ...string) {
	t.Helper()
	mediaType, params, all := parts(t, entity)
	if mediaType != "multipart/report" || params["report-type"] != "delivery-status" || len(all) != 3 {
		t.Fatalf("%s; report-type=%s of %d parts", mediaType, params["report-type"], len(all))
	}
	groups := strings.Split(strings.TrimRight(all[1].text, "\r\n"), "\r\n\r\n")
	if !strings.HasPrefix(all[1].header.Get("Content-Type"), "message/delivery-status") || !strings.Contains(groups[0], "Reporting-MTA: dns; ") {
		t.Errorf("the second part is %+v", all[1])
	}
	var named []string
	for _, group := range groups[1:] {
		fields, err := textproto.NewReader(newLines(group + "\r\n\r\n")).ReadMIMEHeader()
		if err != nil || fields.Get("Action") != "failed" || !strings.HasPrefix(fields.Get("Status"), "5.") {
			t.Errorf("%q: %v", group, err)
		}
		_, who, _ := strings.Cut(fields.Get("Final-Recipient"), "; ")
		named = append(named, who)
		if !strings.Contains(all[0].text, "  "+who+"\r\n") {
			t.Errorf("%s is not in the part for people:\n%s", who, all[0].text)
		}
	}
	if !slices.Equal(named, recipients) {
		t.Errorf("it is about %q, not %q", named, recipients)
	}
	if !strings.Contains(all[2].text, "Message-ID: <1@client.example>") {
		t.Errorf("the message is not to be recognised by %q", all[2].text)
	}
}

// TestNoticeForms has a copy refused, for a sender to whom mail goes in each of the ways of the policy. The notice comes
// in any case, and where nothing may go in clear text, without what the MTA has said.
func TestNoticeForms(t *testing.T) {
	found := keys.Found
	for _, tc := range []struct {
		name  string
		mode  config.Mode
		key   keys.Status
		seen  bool
		level string
		form  string
	}{
		{"prefer, key", config.Prefer, found, true, "", "sealed"},
		{"require, key", config.Require, found, true, "", "sealed"},
		{"sign, key", config.Sign, found, true, "", "open"},
		{"pass, key", config.Pass, found, true, "", "open"},
		{"prefer, no key", config.Prefer, keys.None, false, "", "open"},
		{"prefer, key of old", config.Prefer, keys.None, true, "", "open"},
		{"prefer, unknown", config.Prefer, keys.Unknown, false, "", "open"},
		{"prefer, unknown and seen before", config.Prefer, keys.Unknown, true, "", "terse"},
		{"require, no key", config.Require, keys.None, false, "", "terse"},
		{"require, unknown", config.Require, keys.Unknown, false, "", "terse"},
		{"require, key not believed", config.Require, found, true, "fingerprint", "terse"},
		{"a mode that nobody knows, key", "often", found, true, "", "terse"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			refuseErin(w)
			gpg := w.newReader(t, "alice@example.org")
			answer := w.answers["alice@example.org"]
			answer.Status, answer.SeenBefore, answer.Level = tc.key, tc.seen, keys.KnownKey
			if tc.key != found {
				answer.Cert = nil
			}
			w.answers["alice@example.org"] = answer
			w.Config.Policy.Rules = []config.Rule{{To: patterns(t, "alice@example.org"), Mode: tc.mode, MinLevel: tc.level}}
			edit, err := w.partly(t, "alice@example.org")
			if err != nil || edit.Discard || len(w.queue) != 2 {
				t.Fatalf("%v, %+v, queue %+v", err, edit, w.queue)
			}
			notice := w.queue[1]
			if notice.from != "" || notice.to != "alice@example.org" || !strings.Contains(notice.text, "Auto-Submitted: auto-replied\r\n") {
				t.Errorf("the notice is %+v", notice)
			}
			readable := notice.text
			if mediaType, _, all := parts(t, notice.text); mediaType == "multipart/encrypted" {
				if tc.form != "sealed" {
					t.Fatal("it is encrypted")
				}
				for _, told := range []string{"erin", "delivery-status", "Undelivered", tattle} {
					if strings.Contains(notice.text, told) {
						t.Errorf("%q is outside:\n%s", told, notice.text)
					}
				}
				opened, status := gpg.Run(t, []byte(all[1].text), "--decrypt")
				if strings.Contains(status, "NEWSIG") || strings.Count(status, "ENC_TO") != 1 {
					t.Errorf("gpg says %s", status)
				}
				readable = string(opened)
			} else if tc.form == "sealed" {
				t.Fatalf("it is not encrypted:\n%s", notice.text)
			}
			checkReport(t, readable, "erin@example.com")
			if told := strings.Contains(readable, tattle); told != (tc.form != "terse") {
				t.Errorf("the reason is told: %t\n%s", told, readable)
			}
			if strings.Contains(readable, secretText) || strings.Contains(readable, "dave@") || strings.Contains(readable, "bob@") {
				t.Errorf("it tells too much:\n%s", readable)
			}
		})
	}
}

// TestNoticeOfAnInternationalSender is encrypted all the same.
func TestNoticeOfAnInternationalSender(t *testing.T) {
	const jörg = "jörg@bücher.example"
	w := newWorld(t, func(s *smtp.Server) { s.EnableSMTPUTF8 = true })
	refuseErin(w)
	gpg := w.newReader(t, jörg)
	if err := w.addSigner(addr(t, jörg)); err != nil {
		t.Fatal(err)
	}
	m := message(t, jörg)
	m.Envelope.Args = []string{"SMTPUTF8"}
	if _, err := w.submit(t, m, nil, "bob@example.net", "dave@example.net", "erin@example.com"); err != nil {
		t.Fatal(err)
	}
	notices := w.notices()
	if len(notices) != 1 || notices[0].to != jörg {
		t.Fatalf("queue %+v\n%s", w.queue, w.log.String())
	}
	_, _, all := parts(t, notices[0].text)
	opened, _ := gpg.Run(t, []byte(all[1].text), "--decrypt")
	checkReport(t, string(opened), "erin@example.com")
}

// brokenSealer cannot encrypt what nobody signs, as notices are.
type brokenSealer struct{ pgpmime.Sealer }

func (s brokenSealer) Encrypt(payload crypto.Payload, by *crypto.Signer, to []*crypto.Cert, o crypto.EncryptOptions) ([]*crypto.Ciphertext, error) {
	if by == nil {
		return nil, errors.New("broken")
	}
	return s.Sealer.Encrypt(payload, by, to, o)
}

// TestNoticeThatCannotBeEncrypted comes without the reasons.
func TestNoticeThatCannotBeEncrypted(t *testing.T) {
	w := newWorld(t)
	refuseErin(w)
	w.newReader(t, "alice@example.org")
	composer := *w.Composer
	composer.Sealer = brokenSealer{composer.Sealer}
	w.Composer = &composer
	if _, err := w.partly(t, "alice@example.org"); err != nil || len(w.queue) != 2 {
		t.Fatalf("%v, queue %+v", err, w.queue)
	}
	checkReport(t, w.queue[1].text, "erin@example.com")
	if strings.Contains(w.queue[1].text, tattle) || !strings.Contains(w.log.String(), "level=ERROR msg=\"a notice cannot be encrypted") {
		t.Errorf("the notice is %s\nthe log %s", w.queue[1].text, w.log.String())
	}
}

func newLines(s string) *bufio.Reader { return bufio.NewReader(strings.NewReader(s)) }

package gate_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// archived gives the gate an archive, and returns the certificate and the gpg that has its secret key.
func (w *world) archived(t *testing.T, lifetime time.Duration) (*crypto.Cert, labtest.GnuPG) {
	t.Helper()
	secret, err := crypto.Generate(addr(t, "archive@example.org"), crypto.GenerateOptions{Now: time.Now(), Rand: rand.Reader, Lifetime: lifetime})
	if err != nil {
		t.Fatal(err)
	}
	w.Config.Crypto.ArchiveCertificate = "/etc/sealmilter/archive.asc"
	w.Archive = secret.Cert()
	g := labtest.GnuPG{Home: labtest.NewGnuPGHome(t), Now: time.Now().Add(time.Minute)}
	b, err := secret.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	g.Run(t, b, "--import")
	return secret.Cert(), g
}

// messageIn returns the armored message in a copy, and for whom it is.
func messageIn(t *testing.T, entity string) (string, *crypto.EncryptedMessage) {
	t.Helper()
	const end = "-----END PGP MESSAGE-----\r\n"
	from, to := strings.Index(entity, "-----BEGIN PGP MESSAGE-----"), strings.Index(entity, end)
	if from < 0 || to < 0 {
		t.Fatalf("not encrypted:\n%s", entity)
	}
	armored := entity[from : to+len(end)]
	m, err := crypto.InspectMessage([]byte(armored))
	if err != nil {
		t.Fatal(err)
	}
	return armored, m
}

// wantReaders checks that a copy is encrypted to these certificates and to nobody else, in the order of its packets.
func wantReaders(t *testing.T, entity string, certs ...*crypto.Cert) {
	t.Helper()
	_, m := messageIn(t, entity)
	named := slices.EqualFunc(m.KeyIDs, certs, func(id uint64, c *crypto.Cert) bool { return c.HasKeyID(id) })
	if !named || m.Anonymous {
		t.Errorf("a copy is for %X, which are not the keys of the %d readers", m.KeyIDs, len(certs))
	}
}

// TestArchiveAndAuthorReadEveryCopy has copies for recipients in To and in Bcc.
func TestArchiveAndAuthorReadEveryCopy(t *testing.T) {
	for _, share := range []bool{true, false} {
		w := newWorld(t)
		w.Config.Crypto.Share, w.Config.Crypto.EncryptToSelf = share, true
		archive, gpg := w.archived(t, 0)
		self := w.signers["alice@example.org"].Cert()
		gpg.Run(t, self.Bytes(), "--import")
		edit, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net", "dave@example.net", "erin@example.com")
		if err != nil || len(w.queue) != 2 {
			t.Fatalf("%v, queue %+v", err, w.queue)
		}
		bob, dave := w.answers["bob@example.net"].Cert, w.answers["dave@example.net"].Cert
		for _, d := range append(slices.Clone(w.queue), delivery{to: "bob@example.net", text: text(t, edit)}) {
			reader := bob
			switch d.to {
			case "dave@example.net": // in Bcc
				reader = dave
			case "erin@example.com":
				if strings.Contains(d.text, "PGP MESSAGE") || !strings.Contains(d.text, secretText) {
					t.Errorf("erin, who has no key, gets\n%s", d.text)
				}
				continue
			}
			wantReaders(t, d.text, reader, archive, self)
			armored, _ := messageIn(t, d.text)
			opened, _ := gpg.Run(t, []byte(armored), "--decrypt")
			if !strings.Contains(string(opened), secretText) {
				t.Errorf("%s: the archive reads\n%s", d.to, opened)
			}
			if strings.Contains(string(opened), "dave") || strings.Contains(d.text, "dave") {
				t.Errorf("%s: dave, who is in Bcc, is named in\n%s%s", d.to, d.text, opened)
			}
		}
	}
}

// TestAuthorWhoReadsNothing has authors whose certificate cannot be added. Nobody waits for it.
func TestAuthorWhoReadsNothing(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prepare func(*world)
		log     string
	}{
		{"not wanted", func(w *world) { w.Config.Crypto.EncryptToSelf = false }, ""},
		{"no key", func(w *world) {
			clear(w.signers)
			w.Config.Senders.MissingKey = config.EncryptOnly
		}, ""},
		{"a key that cannot be encrypted to", func(w *world) { w.signers["alice@example.org"] = signOnly(t) },
			"the author will not be able to read the encrypted copies"},
	} {
		w := newWorld(t)
		w.Config.Crypto.EncryptToSelf = true
		tc.prepare(w)
		edit, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net")
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		wantReaders(t, text(t, edit), w.answers["bob@example.net"].Cert)
		if log := w.log.String(); !strings.Contains(log, tc.log) || tc.log == "" && strings.Contains(log, "WARN") {
			t.Errorf("%s: the log says %s", tc.name, log)
		}
	}
}

// otherKey signs by a key that is not the author's own, as a site's key does.
type otherKey struct {
	*world
	by    *crypto.Signer
	asked int
}

func (o *otherKey) Signer(ctx context.Context, addr mail.Addr) (*crypto.Signer, error) {
	if o.asked++; o.asked == 1 {
		return o.by, nil
	}
	return o.world.Signer(ctx, addr)
}

// TestSelfIsWhoSigns leaves authors out whose own key has not signed.
func TestSelfIsWhoSigns(t *testing.T) {
	w := newWorld(t)
	w.Config.Crypto.EncryptToSelf = true
	if err := w.addSigner(addr(t, "relay@example.org")); err != nil {
		t.Fatal(err)
	}
	by := &otherKey{world: w, by: w.signers["relay@example.org"]}
	w.Signers = by
	edit, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net")
	if err != nil || by.asked != 2 {
		t.Fatalf("%v, asked %d times", err, by.asked)
	}
	wantReaders(t, text(t, edit), w.answers["bob@example.net"].Cert)
}

// TestAuthorsFirstKey is made with the message, and reads it.
func TestAuthorsFirstKey(t *testing.T) {
	w := newWorld(t)
	clear(w.signers)
	w.Config.Senders.MissingKey, w.Config.Crypto.EncryptToSelf = config.GenerateKey, true
	edit, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net")
	if err != nil {
		t.Fatal(err)
	}
	wantReaders(t, text(t, edit), w.answers["bob@example.net"].Cert, w.signers["alice@example.org"].Cert())
}

// unusableArchives are archives that cannot read anything.
var unusableArchives = map[string]func(*testing.T, *world){
	"expired": func(t *testing.T, w *world) {
		w.archived(t, time.Hour)
		w.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	},
	"cannot be encrypted to": func(t *testing.T, w *world) {
		w.archived(t, 0)
		w.Archive = signOnly(t).Cert()
	},
	"not read": func(t *testing.T, w *world) {
		w.archived(t, 0)
		w.Archive = nil
	},
}

// TestArchiveIsADuty puts off what is to be encrypted while the archive could not read it, and nothing else.
func TestArchiveIsADuty(t *testing.T) {
	for name, spoil := range unusableArchives {
		w := newWorld(t)
		spoil(t, w)
		for _, to := range [][]string{{"bob@example.net"}, {"erin@example.com", "bob@example.net"}, {"bob@example.net", "dave@example.net"}} {
			edit, err := w.submit(t, message(t, "alice@example.org"), nil, to...)
			if code(err) != 451 || edit != nil || len(w.queue) != 0 || !strings.Contains(mail.AsFailure(err).Text, "archive") {
				t.Errorf("%s, to %s: %v, %+v, queue %+v", name, to, err, edit, w.queue)
			}
		}
		if log := w.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "reload sealmilter") {
			t.Errorf("%s: the log says %s", name, log)
		}
		edit, err := w.submit(t, message(t, "alice@example.org"), nil, "erin@example.com")
		if err != nil || !strings.Contains(text(t, edit), secretText) {
			t.Errorf("%s: clear text is not sent: %v", name, err)
		}
	}
}

// TestArchiveIsADutyAtTheFront puts a message off before it is taken.
func TestArchiveIsADutyAtTheFront(t *testing.T) {
	for name, spoil := range unusableArchives {
		w := newSplit(t)
		spoil(t, w)
		if edit, err := w.submit(t, fromClient(t, "alice@example.org"), nil, "bob@example.net"); code(err) != 451 || edit != nil {
			t.Errorf("%s: %v, %+v", name, err, edit)
		}
	}
}

// slowGenerator takes two hours to make a key.
type slowGenerator struct{ *world }

func (s slowGenerator) Generate(ctx context.Context, addr mail.Addr, o keys.GenerateOptions) (keys.SenderKey, error) {
	s.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	return s.world.Generate(ctx, addr, o)
}

// TestArchiveExpiresBetween has it expire after the decision.
func TestArchiveExpiresBetween(t *testing.T) {
	w := newWorld(t)
	clear(w.signers)
	w.Config.Senders.MissingKey, w.Signers = config.GenerateKey, slowGenerator{w}
	w.archived(t, time.Hour)
	edit, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net")
	if code(err) != 451 || edit != nil || len(w.signers) != 1 || !strings.Contains(mail.AsFailure(err).Text, "archive") {
		t.Errorf("%v, %+v after %d keys were made", err, edit, len(w.signers))
	}
}

// TestLocalProgramWaitsForTheArchive leaves what a program sends with the MTA, without a notice.
func TestLocalProgramWaitsForTheArchive(t *testing.T) {
	w := newWorld(t)
	unusableArchives["expired"](t, w)
	m := message(t, "alice@example.org")
	m.Envelope = &mail.Envelope{Sender: addr(t, "alice@example.org"), NonSMTP: true, Local: true, User: "root", Client: netip.MustParseAddr("127.0.0.1")}
	if edit, err := w.submit(t, m, nil, "bob@example.net"); code(err) != 451 || edit != nil || len(w.queue) != 0 {
		t.Errorf("%v, %+v, queue %+v", err, edit, w.queue)
	}
}

// TestArchiveReadsNotices encrypts a notice to its reader and the archive, and has one come without the reasons when the
// archive could not read them.
func TestArchiveReadsNotices(t *testing.T) {
	w := newWorld(t)
	w.Config.Crypto.EncryptToSelf = true
	refuseErin(w)
	w.newReader(t, "alice@example.org")
	archive, _ := w.archived(t, 0)
	if _, err := w.partly(t, "alice@example.org"); err != nil {
		t.Fatal(err)
	}
	wantReaders(t, w.notices()[0].text, w.answers["alice@example.org"].Cert, archive)

	w = newWorld(t)
	refuseErin(w)
	w.newReader(t, "alice@example.org")
	w.archived(t, 0)
	w.Archive = nil
	w.Config.Policy.Mode = config.Sign // nothing else is encrypted
	w.Config.Policy.Rules = []config.Rule{{To: patterns(t, "alice@example.org"), Mode: config.Require}}
	if _, err := w.partly(t, "alice@example.org"); err != nil {
		t.Fatal(err)
	}
	if notice := w.notices()[0].text; strings.Contains(notice, tattle) || !strings.Contains(notice, "The reasons are not told here") {
		t.Errorf("the notice is\n%s", notice)
	}
}

// TestArchiveGetsNothingElse leaves what came encrypted as it is.
func TestArchiveGetsNothingElse(t *testing.T) {
	w := newWorld(t)
	w.Config.Crypto.EncryptToSelf = true
	came := w.encryptedTo(t, w.answers["bob@example.net"].Cert)
	unusableArchives["expired"](t, w)
	edit, err := w.submit(t, came, nil, "bob@example.net")
	if err != nil {
		t.Fatal(err)
	}
	if edit.Body != nil {
		t.Errorf("it became\n%s", text(t, edit))
	}
}

// signOnly is a key without an encryption subkey.
func signOnly(t *testing.T) *crypto.Signer {
	t.Helper()
	g := labtest.GnuPG{Home: labtest.NewGnuPGHome(t), Now: time.Now().Add(-time.Minute)}
	g.Run(t, nil, "--passphrase", "", "--quick-generate-key", "alice@example.org", "ed25519", "sign,cert", "never")
	b, _ := g.Run(t, nil, "--export-secret-keys")
	secret, err := crypto.ParseSecretKey(b)
	if err != nil {
		t.Fatal(err)
	}
	s, err := secret.Signer(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// encryptedTo is a message that alice's client has encrypted.
func (w *world) encryptedTo(t *testing.T, certs ...*crypto.Cert) *mail.Message {
	t.Helper()
	draft, err := w.Composer.Prepare(message(t, "alice@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	o := crypto.EncryptOptions{Also: certs[1:]}
	copies, err := draft.Encrypt(w.signers["alice@example.org"], []pgpmime.Reader{{Cert: certs[0]}}, o)
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	if _, err := copies[0].Body.WriteTo(&body); err != nil {
		t.Fatal(err)
	}
	m := message(t, "alice@example.org")
	m.Header, m.Body = copies[0].Header, body.Bytes()
	return m
}

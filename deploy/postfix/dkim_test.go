package postfix_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"maps"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// TestEveryCopyIsSignedByOpenDKIM plays cases with OpenDKIM behind sealmilter: what arrives is what arrives without it,
// and has a DKIM signature that verifies, whether the message was changed in place, handed in as a copy, came from a
// local program or is a notice.
func TestEveryCopyIsSignedByOpenDKIM(t *testing.T) {
	t.Parallel()
	commands := labtest.PageBlock(t, page, "### Postfix")
	program := stock.Build(t, "-race")
	for name, hop := range map[string]struct {
		sevenBit         bool
		canonicalization string
	}{
		"8bit": {false, "relaxed/simple"},
		"7bit": {true, "simple/simple"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cases, err := scenario.DKIMCases("postfix", name)
			if err != nil {
				t.Fatal(err)
			}
			f := startFilters(t, program, hop.sevenBit, lab.OpenDKIMConfig{Canonicalization: hop.canonicalization})
			wire(t, f, commands)
			labtest.Play(t, f.World, f.MTA, cases, labtest.SignedBy(f.Signer))
			if hop.sevenBit {
				t.Run("untouched", func(t *testing.T) { testUntouchedEightBit(t.Context(), t, f) })
			}
		})
	}
}

// A next hop without 8BITMIME makes Postfix convert what sealmilter has left as it was, behind the signer.
func testUntouchedEightBit(ctx context.Context, t *testing.T, f *labtest.Filters) {
	f.Begin(ctx, t, passDave)
	message := strings.Replace(labtest.Message("eight", ""), "\r\n\r\n", "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"+
		"Content-Transfer-Encoding: 8bit\r\n\r\nGr\u00fc\u00dfe\r\n", 1)
	labtest.Said(t, "250")(f.Submit(ctx, t, message, "bob@example.net", "erin@example.com", "dave@example.net"))
	for mailbox, message := range f.Arrived(ctx, t, "bob@example.net", "erin@example.com", "dave@example.net") {
		err := verifications(t, message, f.Signer.LookupTXT)[f.Signer.Selector]
		if untouched := mailbox == "dave@example.net"; untouched != (err != nil) {
			t.Errorf("%s: %v\n%s", mailbox, err, message)
		}
	}
}

// passDave leaves dave's copy as it came.
const passDave = "[[policy.rule]]\nto = [\"dave@example.net\"]\nmode = \"pass\"\n"

// verifications returns what a verifier says of each DKIM signature of a message, by selector.
func verifications(t *testing.T, message []byte, lookup func(string) ([]string, error)) map[string]error {
	t.Helper()
	found, err := dkim.VerifyWithOptions(bytes.NewReader(message), &dkim.VerifyOptions{LookupTXT: lookup})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]error{}
	parsed, err := mail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	for i, field := range parsed.Header["Dkim-Signature"] {
		_, selector, _ := strings.Cut(field, "s=")
		selector, _, _ = strings.Cut(selector, ";")
		got[strings.TrimSpace(selector)] = found[i].Err
	}
	return got
}

// A signer in front of sealmilter signs what nobody gets. Its signature would fail at every recipient, so sealed copies
// leave without any; only what sealmilter does not touch keeps it.
func testSignerInFront(ctx context.Context, t *testing.T, f *labtest.Filters) {
	wire(t, f, []string{
		"postconf -e 'smtpd_milters = inet:127.0.0.1:8891, inet:127.0.0.1:8894'",
		"postconf -P '127.0.0.1:10026/inet/smtpd_milters='",
		"postfix reload",
	})
	f.Begin(ctx, t, passDave)
	labtest.Said(t, "250")(f.Submit(ctx, t, labtest.Message("front", ""), "bob@example.net", "erin@example.com", "dave@example.net"))
	for mailbox, message := range f.Arrived(ctx, t, "bob@example.net", "erin@example.com", "dave@example.net") {
		want := map[string]error{}
		if mailbox == "dave@example.net" {
			want[f.Signer.Selector] = nil
		}
		if got := verifications(t, message, f.Signer.LookupTXT); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v\n%s", mailbox, got, want, message)
		}
	}
}

// A client may have signed its message already. Sealing makes another message of it, so that signature goes; an
// untouched copy keeps it beside the signature of this host.
func testSignatureOfTheClient(ctx context.Context, t *testing.T, f *labtest.Filters) {
	f.Begin(ctx, t, passDave)

	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	var signed bytes.Buffer
	err = dkim.Sign(&signed, strings.NewReader("Bcc: dave@example.net\r\n"+labtest.Message("own", "")), &dkim.SignOptions{
		Domain: "example.org", Selector: "client", Signer: private, HeaderKeys: strings.Fields("From To Subject Date Message-ID"),
	})
	if err != nil {
		t.Fatal(err)
	}
	lookup := func(name string) ([]string, error) {
		if name == "client._domainkey.example.org" {
			return []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)}, nil
		}
		return f.Signer.LookupTXT(name)
	}
	labtest.Said(t, "250")(f.Submit(ctx, t, signed.String(), "bob@example.net", "erin@example.com", "dave@example.net"))
	for mailbox, message := range f.Arrived(ctx, t, "bob@example.net", "erin@example.com", "dave@example.net") {
		want := map[string]error{f.Signer.Selector: nil}
		if mailbox == "dave@example.net" {
			want["client"] = nil
		}
		if got := verifications(t, message, lookup); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v\n%s", mailbox, got, want, message)
		}
	}
}

// Postfix shows its own notices to no filter, unless it is told to.
func TestNoticesOfPostfix(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	f := startFilters(t, stock.Build(t, "-race"), false, lab.OpenDKIMConfig{Domain: "mx.lab.test"})
	wire(t, f, append(labtest.PageBlock(t, page, "#### Bounces"), labtest.PageBlock(t, page, "### Postfix")...))
	f.Begin(ctx, t, "")
	f.Sink.Refuse("bob@example.net", "550 5.1.1 No such user")
	labtest.Said(t, "250")(f.Submit(ctx, t, labtest.Message("bounce", ""), "bob@example.net", "erin@example.com"))
	for mailbox, message := range f.ArrivedSigned(ctx, t, "alice@example.org", "erin@example.com") {
		if mailbox == "alice@example.org" && labtest.Clear(message) != nil {
			t.Errorf("the notice tells what was encrypted:\n%s", message)
		}
	}
}

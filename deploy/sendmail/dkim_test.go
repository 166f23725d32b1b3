package sendmail_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab/scenario"
)

// TestEveryCopyIsSignedByOpenDKIM plays cases with OpenDKIM behind sealmilter: what arrives is what arrives without it,
// and has a DKIM signature that verifies, whether the message was changed in place, handed in as a copy, came from a
// local program or is a notice.
func TestEveryCopyIsSignedByOpenDKIM(t *testing.T) {
	t.Parallel()
	program := build(t, "-race")
	for name, sevenBit := range map[string]bool{"8bit": false, "7bit": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cases, err := scenario.DKIMCases("sendmail", name)
			if err != nil {
				t.Fatal(err)
			}
			f := startFilters(t, program, sevenBit, wiringOfThePage(t))
			for _, c := range cases {
				t.Run(c.Name, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					already := len(f.Sink.Deliveries())
					if err := f.Play(ctx, c, f.sendmail); err != nil {
						t.Errorf("%s\n%v", c.Comment, err)
					}
					for _, d := range f.Sink.Deliveries()[already:] {
						if err := scenario.CheckDKIM(ctx, f.signer, d.Data); err != nil {
							t.Errorf("to %s: %v\n%s", d.To, err, d.Data[:min(len(d.Data), 4000)])
						}
					}
				})
			}
		})
	}
}

// A signer in front of sealmilter signs what nobody gets: sealed copies leave without a signature.
func TestSignerInFront(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	page := wiringOfThePage(t)
	f := startFilters(t, build(t), false, wiring{above: page.below, copies: "InputMailFilters=sealmilter"})
	f.serve(ctx, t)
	said(t, "250")(f.submit(ctx, t, filtered("front", ""), "bob@example.net", "erin@example.com"))
	for mailbox, message := range f.arrived(ctx, t, "bob@example.net", "erin@example.com") {
		if bytes.Contains(message, []byte("DKIM-Signature:")) {
			t.Errorf("%s:\n%s", mailbox, message)
		}
	}
	for _, s := range f.behind.Screenings() {
		if bytes.Contains(s.Header, []byte("DKIM-Signature:")) {
			t.Errorf("sealmilter left the signature in\n%s", s.Header)
		}
	}
}

// A body that comes to filters, and goes back from sealmilter, in several pieces is signed as a whole.
func testSignatureOfLargeBody(ctx context.Context, t *testing.T, f *filters) {
	body := strings.Repeat("One of many lines, with a dot.\r\n.\r\n", 10000)
	// Once the ciphertext is the message itself, and once the signed text.
	for _, to := range [][]string{{"bob@example.net", "erin@example.com"}, {"erin@example.com", "frank@example.com"}} {
		f.already = len(f.Sink.Deliveries())
		message := filtered("large-"+to[0], "") + body
		said(t, "250")(f.submit(ctx, t, message, to...))
		for mailbox, copied := range f.arrived(ctx, t, to...) {
			if err := scenario.CheckDKIM(ctx, f.signer, copied); err != nil {
				t.Errorf("%s: %v", mailbox, err)
			}
			if mailbox != "bob@example.net" && len(copied) < len(message) {
				t.Errorf("%s got %d octets of %d", mailbox, len(copied), len(message))
			}
		}
	}
}

package pgpmime_test

import (
	"fmt"
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
)

// TestWhereMarkersAppear searches all octets of real copies, and their payloads, for markers in header fields and in the
// text: each may be in these places and in no other.
func TestWhereMarkersAppear(t *testing.T) {
	// What an encrypted copy shows under baseline (b), shy (s) and none (n), whether its payload has the marker (p), and
	// whether a signed copy has it (+).
	cases := []struct{ name, value, want string }{
		{"From", "% <alice@example.org>", "bnp+"},
		{"From", "Alice <%@example.org>", "bsnp+"},
		{"Sender", "% <office@example.org>", "bnp+"},
		{"Reply-To", "% <alice@example.org>", "bnp+"},
		{"To", "% <bob@example.net>", "bnp+"},
		{"To", "%: bob@example.net;", "bnp+"},
		{"To", "not an address, %", "bnp+"},
		{"Cc", "bob@example.net (%)", "bnp+"},
		{"Cc", "%@example.net", "bsnp+"},
		{"Date", "Fri, 21 Jan 2022 20:40:48 -0500 (%)", "bnp+"},
		{"Subject", "%", "np+"},
		{"subject", "=?utf-8?q?%?=", "np+"},
		{"Comments", "%", "np+"},
		{"Keywords", "%", "np+"},
		{"Thread-Topic", "%", "np+"},
		{"X-Original-Subject", "%", "np+"},
		{"Summary", "%", "np+"},
		{"X-Label", "%", "np+"},
		{"X-MS-Has-Attach", "%", "np+"},
		{"X-Message-Flag", "%", "np+"},
		{"X-Spam-Status", "No, tests=%", "np+"},
		{"X-Spam-Prev-Subject", "%", "np+"},
		{"X-Amavis-Alert", "BANNED, message contains %", "np+"},
		{"Autocrypt-Gossip", "addr=%; keydata=AA==", ""},
		{"Message-ID", "<%@example.org>", "bsnp+"},
		{"In-Reply-To", "<%@example.org>", "bsnp+"},
		{"References", "<%@example.org>", "bsnp+"},
		{"Thread-Index", "%", "bsnp+"},
		{"X-Priority", "%", "bsnp+"},
		{"Auto-Submitted", "%", "bsnp+"},
		{"X-Other", "%", "bsnp+"},
		{"List-Unsubscribe", "<mailto:%@example.org>", "bsnp+"},
		{"Received", "from % by relay; Fri, 21 Jan 2022 20:40:48 -0500", "bsn+"},
		{"Autocrypt", "addr=%; keydata=AA==", "bsn+"},
		{"Resent-From", "% <agent@example.org>", "bn+"},
		{"Resent-To", "%@example.org", "bsn+"},
		{"Bcc", "%@example.net", ""},
		{"bcc", "% <hidden@example.net>", ""},
		{"Resent-Bcc", "%@example.net", ""},
		{"X-Bcc", "%@example.net", ""},
		{"Apparently-To", "%@example.net", ""},
		{"X-Envelope-To", "%@example.net", ""},
		{"Envelope-To", "%@example.net", ""},
		{"Original-Recipient", "rfc822;%@example.net", ""},
		{"Return-Path", "<%@example.net>", ""},
		{"Fcc", "/home/%", ""},
		{"X-Mozilla-Keys", "%", ""},
		{"X-Spam-Report", "%", ""},
		{"HP-Outer", "Subject: %", ""},
		{"User-Agent", "%", ""},
		{"DKIM-Signature", "v=1; d=%", ""},
		{"ARC-Seal", "i=1; d=%", ""},
		{"Content-Length", "%", ""},
		{"Content-Disposition", "attachment; filename=\"%.txt\"", "p"},
		{"Content-Description", "%", "p"},
		{"Content-ID", "<%@example.org>", "p"},
		{"Content-Type", "text/plain; name=\"%.txt\"", "p"},
	}
	alice, bob := generate(t, "alice@example.org"), generate(t, "bob@example.net")
	by, to := signer(t, alice), []pgpmime.Reader{{Cert: bob.Cert()}, {Cert: bob.Cert(), Hidden: true}}
	const text = "markerofthetext"
	for i, tc := range cases {
		marker := fmt.Sprintf("marker%dofafield", i)
		raw := tc.name + ": " + strings.ReplaceAll(tc.value, "%", marker) + "\n\n" + text + "\n"
		var got string
		for _, policy := range []struct {
			hide pgpmime.Confidentiality
			sign string
		}{{pgpmime.Baseline, "b"}, {pgpmime.Shy, "s"}, {pgpmime.NoConfidentiality, "n"}} {
			for _, legacy := range []bool{false, true} {
				c := realComposer()
				c.Confidentiality, c.LegacyDisplay = policy.hide, legacy
				draft, err := c.Prepare(parseMessage(raw))
				if err != nil {
					t.Fatal(err)
				}
				copies, err := draft.Encrypt(by, to, crypto.EncryptOptions{Share: true})
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range copies {
					whole := string(e.Header.AppendTo(nil)) + render(t, e)
					if strings.Contains(whole, text) {
						t.Fatalf("the text is in\n%s", whole)
					}
					if strings.Contains(whole, marker) && !strings.Contains(got, policy.sign) {
						got += policy.sign
					}
				}
				draft.Close()
			}
		}
		signed, encrypted := prepare(t, parseMessage(raw))
		if strings.Contains(encrypted, marker) {
			got += "p"
		}
		var sealer stubSealer
		draft, err := composer(&sealer).Prepare(parseMessage(raw))
		if err != nil {
			t.Fatal(err)
		}
		copied, err := draft.Sign(nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(copied.Header.AppendTo(nil)), marker) {
			got += "+"
		}
		if want := strings.Contains(tc.want, "p"); strings.Contains(signed, marker) != want {
			t.Errorf("%s: %s is in a signed payload: %t", tc.name, tc.value, !want)
		}
		if got != tc.want {
			t.Errorf("%s: %s appears in %q, want %q", tc.name, tc.value, got, tc.want)
		}
	}
}

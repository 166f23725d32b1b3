package pgpmime_test

import (
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/presigned"
	"sealmilter/internal/mail"
)

// TestSignaturesOfClientsSurvive seals messages that the real gpg and the real openssl have signed before. Those programs
// verify their own signatures on what a reader finds in the signed and in the encrypted copy.
func TestSignaturesOfClientsSurvive(t *testing.T) {
	alice, bob := generate(t, "alice@example.org"), generate(t, "bob@example.net")
	bobs := newGnuPG(t, bob)
	bobs.Run(t, alice.Cert().Bytes(), "--import")
	valid := "[GNUPG:] VALIDSIG " + alice.Fingerprint()
	for _, m := range labtest.Presigned(t) {
		t.Run(m.Name, func(t *testing.T) {
			if err := m.Verify(t.Context(), m.Octets); err != nil {
				t.Fatalf("before it is sealed: %v", err)
			}
			draft, err := realComposer().Prepare(messageOf(m))
			if err != nil {
				t.Fatal(err)
			}
			signed, err := draft.Sign(signer(t, alice), false)
			if err != nil {
				t.Fatal(err)
			}
			payload := verify(t, signed, entities(t, alice))
			if strings.ContainsFunc(payload, func(r rune) bool { return r == 0 || r >= 0x80 }) {
				t.Errorf("not 7-bit:\n%q", payload)
			}
			if err := m.Verify(t.Context(), []byte(payload)); err != nil {
				t.Errorf("in the signed copy: %v\n%s", err, payload)
			}
			encrypted, err := draft.Encrypt(signer(t, alice), []pgpmime.Reader{{Cert: bob.Cert()}}, crypto.EncryptOptions{})
			if err != nil {
				t.Fatal(err)
			}
			_, armored := cut(t, encrypted[0], "multipart/encrypted")
			decrypted, status := bobs.Run(t, []byte(armored), "--decrypt")
			if !strings.Contains(status, valid) {
				t.Errorf("gpg says\n%s", status)
			}
			if err := m.Verify(t.Context(), decrypted); err != nil {
				t.Errorf("in the encrypted copy: %v\n%s", err, decrypted)
			}
		})
	}
}

func messageOf(m presigned.Message) *mail.Message {
	header, body := mail.SplitMessage(m.Octets)
	return &mail.Message{Header: header, Body: body}
}

package pgpmime_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

// readable is a line with a word and another one, which no line of ciphertext is.
var readable = regexp.MustCompile(`[A-Za-z]{3,} [A-Za-z]{3,}`)

// harmless are the lines with words that may stand in the body of an encrypted message.
var harmless = regexp.MustCompile(`(?i)^(-----(BEGIN|END) PGP MESSAGE-----$|Comment: |Version: |MessageID: |Hash: |Charset: |--|\s|Content-[^ ]*:|` +
	`MIME-Version:|X-Attachment-Id:|X-Universally-Unique-Identifier:|This (is|message) |message in MIME format)`)

// FuzzInspect reads anything. In what it takes for encrypted no line of the body has words, but those of armor, of the
// headers of parts and of the known preambles.
func FuzzInspect(f *testing.F) {
	bob := generate(f, "bob@example.net")
	sealed, err := realComposer().Sealer.Encrypt(crypto.Payload{crypto.Octets("text")}, nil, []*crypto.Cert{bob.Cert()}, crypto.EncryptOptions{})
	if err != nil {
		f.Fatal(err)
	}
	var buffer bytes.Buffer
	if _, err := sealed[0].WriteTo(&buffer); err != nil {
		f.Fatal(err)
	}
	armored := strings.ReplaceAll(buffer.String(), "\r\n", "\n")
	f.Add([]byte("\n" + armored))
	f.Add([]byte("\n" + strings.Replace(armored, "\n\n", "\nComment: some words\n\n", 1)))
	f.Add([]byte(encryptedRoot + thunderbird + control + data + "\n" + armored + end))
	f.Add([]byte(mixedRoot + plain + "\n\n" + control + data + "\n" + armored + end))
	f.Add([]byte(mixedRoot + plain + "\n" + armored + attached + inBase64 + base64Of(armored) + end + "some words\n"))
	f.Add([]byte(mixedRoot + "\n--b\n" + deeper(encryptedRoot+control+data+"\n"+armored+end) + plain + "\nsome words\n" + end))
	f.Fuzz(func(t *testing.T, text []byte) {
		m := &mail.Message{}
		m.Header, m.Body = mail.SplitMessage(text)
		p := pgpmime.Inspect(m)
		if !p.Encrypted() {
			if p.For(bob.Cert()) {
				t.Error("what is not encrypted is for somebody")
			}
			return
		}
		for line := range bytes.SplitSeq(m.Body, []byte("\n")) {
			if readable.Match(line) && !harmless.Match(line) {
				t.Errorf("%q is left to read", line)
			}
		}
	})
}

package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"github.com/emersion/go-msgauth/dkim"

	"sealmilter/internal/lab"
)

// DKIMCases returns the cases in which messages are changed, converted or made in different ways, as [Cases] does.
func DKIMCases(names ...string) ([]*Case, error) {
	all, err := Cases(names...)
	if err != nil {
		return nil, err
	}
	var chosen []*Case
	for _, name := range []string{
		"02-one-keyless", "03-mixed-with-bcc", "06-upper-case", "11-eight-bit", "12-awkward-lines", "16-recipient-twice", "17-foreign",
		"18-local-program", "19-local-program-require", "20-modes", "22-dsn-parameters", "25-local-program-refused", "35-bounce-signed",
		"36-automatic-trusted", "38-read-receipt",
	} {
		at := slices.IndexFunc(all, func(c *Case) bool { return c.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("there is no case %s", name)
		}
		chosen = append(chosen, all[at])
	}
	return chosen, nil
}

// signedFields are the fields that a DKIM signature has to cover wherever a message has them, if it is to bind what a
// reader sees (RFC 6376, section 5.4.1) and, with the MIME fields, how the body is to be read.
var signedFields = []string{"From", "To", "Cc", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type"}

// CheckDKIM checks a message as it has arrived: mail of the signer's domain has one DKIM signature, by the signer, that
// verifies over these very octets and covers the whole body; other mail has none. Two verifiers have to agree.
func CheckDKIM(ctx context.Context, signer *lab.OpenDKIM, message []byte) error {
	parsed, err := mail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		return fmt.Errorf("read the message: %w", err)
	}
	author, err := mail.ParseAddress(parsed.Header.Get("From"))
	if err != nil {
		return fmt.Errorf("read the From field: %w", err)
	}
	found, err := dkim.VerifyWithOptions(bytes.NewReader(message), &dkim.VerifyOptions{LookupTXT: signer.LookupTXT})
	if err != nil {
		return fmt.Errorf("verify the DKIM signatures: %w", err)
	}
	if !strings.HasSuffix(strings.ToLower(author.Address), "@"+signer.Domain) {
		if len(found) != 0 {
			return fmt.Errorf("the message is from %s and has %d DKIM signatures", author.Address, len(found))
		}
		return nil
	}
	if len(found) != 1 {
		return fmt.Errorf("the message has %d DKIM signatures, not one", len(found))
	}
	if err := found[0].Err; err != nil {
		return fmt.Errorf("the DKIM signature is not good: %w", err)
	}
	if found[0].Domain != signer.Domain {
		return fmt.Errorf("the DKIM signature is by %s", found[0].Domain)
	}
	signature := strings.Join(strings.Fields(parsed.Header.Get("DKIM-Signature")), "")
	if slices.ContainsFunc(strings.Split(signature, ";"), func(tag string) bool { return strings.HasPrefix(tag, "l=") }) {
		return errors.New("the DKIM signature covers the front of the body only")
	}
	for _, name := range signedFields {
		covered := slices.ContainsFunc(found[0].HeaderKeys, func(key string) bool { return strings.EqualFold(key, name) })
		if len(parsed.Header[name]) > 0 && !covered {
			return fmt.Errorf("the DKIM signature does not cover %s but %q", name, found[0].HeaderKeys)
		}
	}
	return signer.Verify(ctx, message)
}

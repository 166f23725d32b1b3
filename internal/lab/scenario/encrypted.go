package scenario

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// frank is the certificate for S/MIME of frank@example.net. Nobody has its secret key.
//
//go:embed smime/frank.pem
var frank []byte

// writeSMIME makes the folder "smime" beside the configuration.
func (w *World) writeSMIME() error {
	dir := filepath.Join(w.dir, "smime")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "frank.pem"), frank, 0o600)
}

// encryptedDirective is left in messages until the keys of the world are there.
const encryptedDirective = "openpgp"

// fill encrypts what messages have in directives, and returns the case with these messages.
func (w *World) fill(ctx context.Context, c *Case) (*Case, error) {
	filled := *c
	filled.messages = maps.Clone(c.messages)
	for section, message := range c.messages {
		var failure error
		filled.messages[section] = directive.ReplaceAllFunc(message, func(found []byte) []byte {
			readers, text, _ := strings.Cut(string(directive.FindSubmatch(found)[2]), " ")
			b, err := w.encrypt(ctx, strings.Split(readers, ","), text)
			if err != nil {
				failure = fmt.Errorf("%s: %w", found, err)
			}
			return b
		})
		if failure != nil {
			return nil, failure
		}
	}
	return &filled, nil
}

// encrypt returns an armored message with CRLF, without the last one. A reader behind "hidden:" is not named in it.
func (w *World) encrypt(ctx context.Context, readers []string, text string) ([]byte, error) {
	args := []string{"--armor", "--encrypt"}
	for _, reader := range readers {
		option := "--recipient"
		reader, hidden := strings.CutPrefix(reader, "hidden:")
		if hidden {
			option = "--hidden-recipient"
		}
		args = append(args, option, w.prints[strings.ToLower(reader)])
	}
	armored, err := w.gpg.Run(ctx, []byte("Content-Type: text/plain\r\n\r\n"+text+"\r\n"), args...)
	return bytes.ReplaceAll(bytes.TrimSpace(armored), []byte("\n"), []byte("\r\n")), err
}

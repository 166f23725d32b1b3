package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/crypto"
	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// keys looks at the senders' secret keys: each must open and be able to sign.
func (r *checkReport) keys(cmd *cobra.Command, i *installation) {
	all, err := i.senders.List(cmd.Context())
	if err != nil {
		r.fail("error", "senders", err, "see what check says of the database")
		return
	}
	switch secrets := secretsIn(i.config); {
	case len(all) > 0:
	case len(secrets) > 0 && i.config.Senders.Secrets == config.SecretFiles:
		r.add("error", "senders", fmt.Sprintf("the database knows no sender's key, and %d lie in %s: it is not the one to which they belong, and mail that they would sign is refused",
			len(secrets), filepath.Dir(secrets[0])), "restore the database from a backup: docs/operations.md; or "+importSecrets(i.config)+", and restart sealmilter")
	default:
		r.noSender(i.config.Senders.MissingKey)
	}
	expiring, err := i.expiring(cmd.Context())
	if err != nil {
		r.fail("error", "senders", err, "see what check says of the database")
		return
	}
	for _, key := range all {
		topic := "sender " + key.Address
		if err := i.checkSender(cmd, key.Address); err != nil {
			r.fail("error", topic, err, i.signerMend(err, key.Address))
			continue
		}
		if err := key.Cert.Check(time.Now()); err != nil && i.config.Crypto.EncryptToSelf {
			r.add("warning", topic, "they will not be able to read their encrypted copies: "+err.Error(),
				"encrypt_to_self wants a key with an encryption subkey: docs/archive.md")
		}
		if e, soon := expiring[key.Fingerprint]; soon {
			mend := "import one that is valid for longer"
			if e.Generated && i.config.Senders.Extend > 0 {
				mend = "the running daemon extends it; see its log if it does not"
			}
			r.add("warning", topic, fmt.Sprintf("the key expires on %s, in %d days", e.Expires.Format(time.DateOnly), e.Days), mend)
			continue
		}
		if !key.Locked {
			mend := "import the key again: docs/senders.md"
			if i.config.Senders.PassphraseFile == "" {
				mend = "set passphrase_file in [senders] and " + mend
			}
			r.add("warning", topic, "the key is stored without a passphrase", mend)
			continue
		}
		r.add("ok", topic, "the key "+key.Fingerprint+" can sign", "")
	}
}

// signerMend says what to do about a key that cannot sign.
func (i *installation) signerMend(err error, address string) string {
	file := i.config.Senders.PassphraseFile
	var unusable *crypto.Unusable
	switch {
	case errors.Is(err, crypto.ErrPassphrase):
		return fmt.Sprintf("put the former passphrase into %s, and restart sealmilter; if it was changed, and the former one is in FILE: sealmilter keys import --passphrase-file FILE %s",
			cmp.Or(file, "the file of passphrase_file"), filepath.Join(i.config.State, "secret", "*.pgp"))
	case errors.Is(err, fs.ErrNotExist) && file != "" && !fileExists(file):
		return "put " + file + " back from your copy of it, and restart sealmilter"
	case errors.As(err, &unusable) && unusable.Reason == crypto.Expired:
		return fmt.Sprintf("sealmilter keys generate --replace %s, or import the key with a later expiry; restart sealmilter to extend one that was generated here, unless extend is 0s: docs/senders.md", address)
	default:
		return "docs/senders.md tells how keys are extended and replaced"
	}
}

// noSender says what it means that no sender has a secret key.
func (r *checkReport) noSender(missing config.MissingKey) {
	const mend = "sealmilter keys generate ADDR, or keys import FILE, for each sender; docs/setup.md tells what to do for cron and other programs"
	switch missing {
	case config.GenerateKey:
		r.add("ok", "senders", "there is no secret key yet; one is made with a sender's first message", "")
	case config.EncryptOnly:
		r.add("warning", "senders", "there is no secret key: mail is signed by nobody, and refused for recipients without a key", mend)
	default: // config.RejectSender
		r.add("warning", "senders", "there is no secret key: mail that would have to be signed is refused", mend)
	}
}

// expiring returns the senders' keys that come to their end soon, by fingerprint.
func (i *installation) expiring(ctx context.Context) (map[string]keys.Expiring, error) {
	all, err := i.senders.Expiring(ctx)
	soon := make(map[string]keys.Expiring)
	for _, e := range all {
		if e.Step != keys.NotExpiring && e.Err == nil {
			soon[e.Fingerprint] = e
		}
	}
	return soon, err
}

func (i *installation) checkSender(cmd *cobra.Command, address string) error {
	addr, err := mail.ParsePath(address)
	if err != nil {
		return err
	}
	_, err = i.senders.Signer(cmd.Context(), addr)
	return err
}

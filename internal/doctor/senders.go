package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/internal/premises"
	"sealmilter/internal/shell"
	"sealmilter/keys"
)

// senders looks at the senders' secret keys: each must open and be able to sign.
func (r *Report) senders(ctx context.Context, i *premises.State) {
	all, err := i.Senders.List(ctx)
	if err != nil {
		r.fail("error", "senders", err, "see what check says of the database")
		return
	}
	switch secrets := premises.Secrets(i.Config); {
	case len(all) > 0:
	case len(secrets) > 0 && i.Config.Senders.Secrets == config.SecretFiles:
		r.add("error", "senders", fmt.Sprintf("the database knows no sender's key, and %d lie in %s: it is not the one to which they belong, and mail that they would sign is refused",
			len(secrets), filepath.Dir(secrets[0])), "restore the database from a backup: docs/operations.md; or "+premises.ImportSecrets(i.Config)+", and restart sealmilter")
	default:
		r.noSender(i.Config.Senders.MissingKey)
	}
	expiring, err := expiringSoon(ctx, i.Senders)
	if err != nil {
		r.fail("error", "senders", err, "see what check says of the database")
		return
	}
	var locked []string // whose keys the passphrase does not unlock
	var wrong error
	for _, key := range all {
		topic := "sender " + key.Address
		err := checkSender(ctx, i, key.Address)
		if errors.Is(err, crypto.ErrPassphrase) {
			locked, wrong = append(locked, key.Address), err
			continue
		}
		if err != nil {
			r.fail("error", topic, err, signerMend(i.Config, err, key.Address))
			continue
		}
		if err := key.Cert.Check(time.Now()); err != nil && i.Config.Crypto.EncryptToSelf {
			r.add("warning", topic, "they will not be able to read their encrypted copies: "+err.Error(),
				"encrypt_to_self wants a key with an encryption subkey: docs/archive.md")
		}
		if e, soon := expiring[key.Fingerprint]; soon {
			mend := "import one that is valid for longer"
			if e.Generated && i.Config.Senders.Extend > 0 {
				mend = "the running daemon extends it; see its log if it does not"
			}
			r.add("warning", topic, fmt.Sprintf("the key expires on %s, in %d days", e.Expires.Format(time.DateOnly), e.Days), mend)
			continue
		}
		if !key.Locked {
			mend := "import the key again: docs/senders.md"
			if i.Config.Senders.PassphraseFile == "" {
				mend = "set passphrase_file in [senders] and " + mend
			}
			r.add("warning", topic, "the key is stored without a passphrase", mend)
			continue
		}
		r.add("ok", topic, "the key "+key.Fingerprint+" can sign", "")
	}
	switch mend := signerMend(i.Config, wrong, ""); len(locked) {
	case 0:
	case 1:
		r.fail("error", "sender "+locked[0], wrong, mend)
	default:
		const most = 3
		r.add("error", "senders", fmt.Sprintf("the passphrase does not unlock the secret keys of %d of %d senders, such as %s: their mail is put off",
			len(locked), len(all), strings.Join(locked[:min(most, len(locked))], ", ")), mend)
	}
}

// signerMend says what to do about a key that cannot sign.
func signerMend(c *config.Config, err error, address string) string {
	file := c.Senders.PassphraseFile
	var unusable *crypto.Unusable
	switch {
	case errors.Is(err, crypto.ErrPassphrase):
		return fmt.Sprintf("put the former passphrase into %s, and restart sealmilter; if it was changed, and the former one is in FILE: sealmilter keys import --passphrase-file FILE %s",
			cmp.Or(file, "the file of passphrase_file"), premises.SecretFiles(c))
	case errors.Is(err, fs.ErrNotExist) && file != "" && !premises.Exists(file):
		return "put " + file + " back from your copy of it, and restart sealmilter"
	case errors.Is(err, fs.ErrNotExist):
		return "restore the file from a backup: docs/operations.md; or sealmilter keys import FILE, with the secret key in FILE"
	case errors.As(err, &unusable) && unusable.Reason == crypto.Revoked:
		return "sealmilter keys generate --replace " + shell.Quote(address) + ", or import another key: docs/senders.md"
	case errors.As(err, &unusable) && unusable.Reason == crypto.Expired:
		return fmt.Sprintf("sealmilter keys generate --replace %s, or import the key with a later expiry; restart sealmilter to extend one that was generated here, unless extend is 0s: docs/senders.md", shell.Quote(address))
	default:
		return "docs/senders.md tells how keys are extended and replaced"
	}
}

// noSender says what it means that no sender has a secret key.
func (r *Report) noSender(missing config.MissingKey) {
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

// expiringSoon returns the senders' keys that come to their end soon, by fingerprint.
func expiringSoon(ctx context.Context, senders *keys.Senders) (map[string]keys.Expiring, error) {
	all, err := senders.Expiring(ctx)
	soon := make(map[string]keys.Expiring)
	for _, e := range all {
		if e.Step != keys.NotExpiring && e.Err == nil {
			soon[e.Fingerprint] = e
		}
	}
	return soon, err
}

func checkSender(ctx context.Context, i *premises.State, address string) error {
	addr, err := mail.ParsePath(address)
	if err != nil {
		return err
	}
	_, err = i.Senders.Signer(ctx, addr)
	return err
}

package corpus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

// importing is what one process tells of one file of keys.
type importing struct {
	Keys []importedKey
	// Err ended the import early.
	Err     string
	Lookups []lookup
}

type importedKey struct {
	Fingerprint string
	Outcome     string
	Err         string
}

// lookup is the answer for one address that a stored certificate serves.
type lookup struct {
	Address     string
	Status      string
	Fingerprint string
	Why         string
	// Message is armored and encrypted to the certificate, "" if that failed.
	Message string
	Err     string
}

// Import imports a file of keys into a database of its own in dir, an empty folder that belongs to the caller alone. It asks
// the key directory for each address that this brought, encrypts to every certificate that it answers with, and writes to w
// what happened. It runs in a process of its own, since a file may be made to use up time and memory.
func Import(ctx context.Context, file, dir string, now func() time.Time, random io.Reader, w io.Writer) error {
	db, err := store.Open(ctx, filepath.Join(dir, "keys.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	somebody, err := mail.ParseAddr("somebody@corpus.example")
	if err != nil {
		return err
	}
	var told importing
	local := keys.NewLocal(db, now)
	senders := keys.NewSenders(db, local, keys.SendersOptions{Dir: filepath.Join(dir, "secret"), Now: now, Rand: random})
	err = senders.Import(ctx, in, keys.ImportOptions{}, func(k keys.Imported) {
		told.Keys = append(told.Keys, importedKey{k.Fingerprint, k.Outcome.String(), text(k.Err)})
	})
	told.Err = text(err)
	if err == nil && !slices.ContainsFunc(told.Keys, func(k importedKey) bool { return k.Outcome != keys.Refused.String() }) {
		// Without an address in it nothing would be found. As the key of somebody it can be judged.
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return err
		}
		forced := keys.ImportOptions{For: []mail.Addr{somebody}}
		if err := senders.Import(ctx, in, forced, func(keys.Imported) {}); err != nil {
			return err
		}
	}
	directory := keys.NewDirectory(db, []keys.Source{local}, keys.Options{Now: now, Peek: true})
	sealer := &crypto.Sealer{Now: now, Rand: random}
	asked := make(map[string]bool)
	for entry, err := range local.List(ctx) {
		if err != nil {
			return err
		}
		for _, address := range entry.Addresses() {
			if asked[address] {
				continue
			}
			asked[address] = true
			answer, err := look(ctx, directory, sealer, address)
			if err != nil {
				return err
			}
			told.Lookups = append(told.Lookups, answer)
		}
	}
	return json.NewEncoder(w).Encode(told)
}

// look asks for an address and encrypts to what comes.
func look(ctx context.Context, directory *keys.Directory, sealer *crypto.Sealer, address string) (lookup, error) {
	addr, err := mail.ParseAddr(address)
	if err != nil {
		return lookup{}, fmt.Errorf("an address of the directory: %w", err)
	}
	answer := directory.Lookup(ctx, addr)
	l := lookup{Address: address, Status: answer.Status.String(), Why: answer.Why}
	if answer.Cert == nil {
		return l, nil
	}
	l.Fingerprint = answer.Cert.Fingerprint()
	var shelf crypto.Shelf
	defer shelf.Clear()
	made, err := sealer.Encrypt(crypto.Payload{crypto.Octets("test\r\n")}, nil, []*crypto.Cert{answer.Cert}, crypto.EncryptOptions{Shelf: &shelf})
	var message bytes.Buffer
	if err == nil && len(made) != 1 {
		err = errors.New("not one ciphertext for one certificate")
	}
	if err == nil {
		_, err = made[0].WriteTo(&message)
	}
	if err != nil {
		l.Err = err.Error()
	} else {
		l.Message = message.String()
	}
	return l, nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

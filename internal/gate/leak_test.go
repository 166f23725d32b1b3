package gate_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/keys"
)

// check holds what has left to the promises.
func (x *trial) check(t *testing.T, name string) {
	sealed, open := false, false
	for _, l := range x.left {
		asItCame := x.came != nil && strings.Contains(l.text, strings.TrimSpace(x.came.body))
		isClear := strings.Contains(l.text, secretText)
		complain := func(format string, args ...any) {
			t.Errorf("%s: the copy of %s (mode %s, key %v) %s:\n%s", name, l.to, x.modes[l.to], x.known[l.to], fmt.Sprintf(format, args...), l.text)
		}
		if x.badField {
			complain("has left though its request cannot be understood")
		}
		inside := ""
		if asItCame {
			theirs := slices.Contains(x.came.to, l.to)
			sealed = sealed || theirs && x.known[l.to] == keys.Found && x.modes[l.to] != config.Pass && x.modes[l.to] != config.Sign
			if x.modes[l.to] == config.Require && !theirs {
				complain("is not encrypted to them")
			}
		} else if strings.Contains(l.text, "application/pgp-encrypted") && !isClear {
			sealed = true
			var ids []uint64
			var err error
			if inside, ids, err = x.cast.open(l.text, l.to); err != nil {
				complain("cannot be read: %v", err)
			}
			if x.spoiled {
				complain("has left without the archive")
			}
			x.checkReaders(l.to, ids, complain)
			if strings.Contains(l.text, "secret subject") && x.world.Composer.Confidentiality != pgpmime.NoConfidentiality {
				complain("shows the Subject")
			}
		} else {
			open = true
			if x.modes[l.to] == config.Require {
				complain("is in clear text")
			}
			if x.modes[l.to] == config.Prefer && x.known[l.to] == keys.Found {
				complain("is in clear text, and a key is known")
			}
		}
		if x.tells(l.text) || x.tells(inside) {
			complain("has the request in it, or has it inside:\n%s", inside)
		}
		x.checkHidden(l, inside, complain)
		x.checkIntroduction(l, inside, complain)
	}
	if x.keptTogether() && sealed && open && !x.mutated {
		t.Errorf("%s: some have got it encrypted, and others in clear text: %v", name, x.left)
	}
	if log := x.world.log.String(); strings.Contains(log, "secret text") || strings.Contains(log, "secret subject") {
		t.Errorf("%s: the log says\n%s", name, log)
	}
}

// checkReaders wants a copy to name its own reader, the archive and the author, and nobody else.
func (x *trial) checkReaders(to string, ids []uint64, complain func(string, ...any)) {
	certs := []*crypto.Cert{x.cast.secrets[to].Cert()}
	if x.archive != nil {
		certs = append(certs, x.archive)
		if !slices.ContainsFunc(ids, x.archive.HasKeyID) {
			complain("cannot be read by the archive")
		}
	}
	if x.world.Config.Crypto.EncryptToSelf {
		for _, s := range x.world.signers {
			certs = append(certs, s.Cert())
		}
	}
	for _, id := range ids {
		if !slices.ContainsFunc(certs, func(c *crypto.Cert) bool { return c.HasKeyID(id) }) {
			complain("is encrypted to %X", id)
		}
	}
}

// checkHidden looks for those in Bcc in what others get, by all that names them.
func (x *trial) checkHidden(l mailed, inside string, complain func(string, ...any)) {
	whole := l.text + "\n" + inside
	joined := strings.NewReplacer("\r\n ", "", "\r\n", "").Replace(whole)
	for _, hidden := range x.bcc {
		if hidden == l.to {
			continue
		}
		if strings.Contains(whole, hidden) {
			complain("names %s, who is in Bcc, or does so inside:\n%s", hidden, inside)
		}
		secret := x.cast.secrets[hidden]
		if secret == nil {
			continue
		}
		fingerprint, err := hex.DecodeString(secret.Cert().Fingerprint())
		if err != nil || strings.Contains(strings.ToUpper(whole), strings.ToUpper(secret.Cert().Fingerprint())) || strings.Contains(inside, string(fingerprint)) {
			complain("has the fingerprint of %s, who is in Bcc (%v)", hidden, err)
		}
		if key := base64.StdEncoding.EncodeToString(secret.Cert().Bytes()[:42]); strings.Contains(joined, key) {
			complain("has the certificate of %s, who is in Bcc", hidden)
		}
	}
}

// checkIntroduction wants no key to be told of but the author's own.
func (x *trial) checkIntroduction(l mailed, inside string, complain func(string, ...any)) {
	whole := l.text + "\n" + inside
	if site := x.cast.secrets["relay@example.org"].Cert().Fingerprint(); strings.Contains(strings.ToUpper(whole), strings.ToUpper(site)) || strings.Contains(whole, "relay@example.org") {
		complain("tells of the site's key")
	}
	if x.sentOn && (strings.Contains(whole, "\nAutocrypt") || strings.Contains(whole, "\nOpenPGP:")) {
		complain("of what a list server sends on introduces a key")
	}
}

// TestNothingLeaks draws configurations and messages, hands each message in twice while the mail server and the key
// directory change their minds, and holds all that leaves to what was promised.
func TestNothingLeaks(t *testing.T) {
	trials := 400
	if testing.Short() {
		trials = 40
	}
	c := newCast(t)
	clients := newClientMessages(t, c)
	for seed := range trials {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			x := &trial{Rand: rand.New(rand.NewPCG(uint64(seed), 1)), cast: c, clients: clients}
			x.configure(t)
			x.write()
			split := x.chance(35)
			if x.chance(30) {
				x.world.refuse[pick(x.Rand, everybody...)] = &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "later"}
			}
			x.try(t, split)
			x.check(t, fmt.Sprintf("split %t", split))
			clear(x.world.refuse)
			x.shuffle()
			x.left = nil
			x.try(t, split)
			x.check(t, fmt.Sprintf("again, split %t", split))
			if t.Failed() {
				t.Logf("policy %+v\n%s\nto %v, bcc %v\nmodes %v, keys %v\n%s", x.world.Config.Policy, strings.Join(x.fields, "\n"), x.to, x.bcc,
					x.modes, x.known, x.world.log.String())
			}
		})
	}
}

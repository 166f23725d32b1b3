package scenario

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"slices"
	"strings"

	"sealmilter/internal/lab"
)

// checkIntroduced compares what a copy tells of keys with what the case wants. Every certificate that it carries is imported
// into an empty key ring of the real gpg, which must be able to encrypt to the address with it.
func (w *World) checkIntroduced(ctx context.Context, d lab.Delivery, opened *lab.Opened, want []string) error {
	outer, err := mail.ReadMessage(bytes.NewReader(d.Data))
	if err != nil {
		return err
	}
	inner, err := mail.ReadMessage(bytes.NewReader(opened.Payload))
	if err != nil {
		return err
	}
	var got []string
	for kind, fields := range map[string][]string{"autocrypt": outer.Header["Autocrypt"], "gossip": inner.Header["Autocrypt-Gossip"]} {
		for _, field := range fields {
			addr, keydata, err := readKeyField(field)
			if err == nil {
				err = w.checkCertificate(ctx, keydata, addr)
			}
			if err != nil {
				return fmt.Errorf("%s %.200q: %w", kind, field, err)
			}
			got = append(got, kind+" "+addr)
		}
	}
	if outer.Header["Autocrypt-Gossip"] != nil || inner.Header["Autocrypt"] != nil || inner.Header["Openpgp"] != nil {
		return errors.New("a field about keys is on the wrong side of the encryption")
	}
	for _, field := range outer.Header["Openpgp"] {
		got = append(got, "openpgp "+field)
	}
	all, err := leaves(opened.Payload)
	if err != nil {
		return err
	}
	for _, part := range all {
		if part.mediaType == keyType {
			got = append(got, "attached")
			if err := w.checkCertificate(ctx, part.content, "alice@example.org"); err != nil {
				return fmt.Errorf("the attached key: %w", err)
			}
		}
	}
	// The fingerprint of a key that the world has made is not known to a case.
	fingerprint, err := w.gpg.Fingerprint(ctx, "<alice@example.org>")
	if err != nil {
		return err
	}
	expected := slices.Clone(want)
	for i, word := range expected {
		expected[i] = strings.ReplaceAll(word, "FINGERPRINT", fingerprint)
	}
	slices.Sort(got)
	slices.Sort(expected)
	if !slices.Equal(got, expected) {
		return fmt.Errorf("it tells of the keys %q, not %q", got, expected)
	}
	return nil
}

const keyType = "application/pgp-keys"

// withoutKeys leaves the parts that the sender has written.
func withoutKeys(all []leaf) []leaf {
	return slices.DeleteFunc(all, func(l leaf) bool { return l.mediaType == keyType })
}

// readKeyField reads an Autocrypt or Autocrypt-Gossip field.
func readKeyField(field string) (addr string, keydata []byte, err error) {
	for attribute := range strings.SplitSeq(field, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(attribute), "=")
		switch name {
		case "addr":
			addr = value
		case "keydata":
			keydata, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(value, " ", ""))
		}
	}
	if err == nil && (addr == "" || keydata == nil) {
		err = errors.New("it has no address or no key")
	}
	return addr, keydata, err
}

// checkCertificate has an empty key ring import a certificate: it must be that of the address, and gpg encrypts to it.
func (w *World) checkCertificate(ctx context.Context, certificate []byte, addr string) error {
	gpg, err := lab.NewGPG(ctx, io.Discard)
	if err != nil {
		return err
	}
	err = gpg.Import(ctx, certificate)
	if err == nil {
		_, err = gpg.Run(ctx, []byte("answer"), "--trust-model", "always", "--recipient", "<"+addr+">", "--encrypt")
	}
	var got, want string
	if err == nil {
		got, err = gpg.Fingerprint(ctx, "<"+addr+">")
	}
	if err == nil {
		want, err = w.gpg.Fingerprint(ctx, "<"+addr+">")
	}
	if err == nil && got != want {
		err = fmt.Errorf("%s is told to have the key %s, not %s", addr, got, want)
	}
	return errors.Join(err, gpg.Close())
}

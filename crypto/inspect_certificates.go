package crypto

import (
	"errors"
	"fmt"
	"io"
)

// ErrNotCertificates is wrapped by every error of [InspectCertificates].
var ErrNotCertificates = errors.New("not certificates alone")

// maxInspected is how many certificates may be together: each costs the check of its signatures.
const maxInspected = 100

// InspectCertificates makes sure that b, binary or one armored block, holds certificates and nothing else: no more than
// 100, each of them can be read, no packet belongs to none, and white space alone stands around the armor. A secret key
// is refused.
func InspectCertificates(b []byte) error {
	if err := inspectCertificates(b); err != nil {
		return fmt.Errorf("%w: %w", ErrNotCertificates, err)
	}
	return nil
}

func inspectCertificates(b []byte) error {
	if len(b) == 0 || b[0]&0x80 == 0 {
		r, err := dearmorWhole(b, armorPublic)
		if err != nil {
			return err
		}
		if b, err = io.ReadAll(io.LimitReader(r, 2*maxCertSize+1)); err != nil {
			return err
		}
	}
	packets, err := parsePackets(b)
	if err != nil {
		return err
	}
	if len(packets) == 0 {
		return errors.New("there is none")
	}
	for count := 1; len(packets) > 0; count++ {
		if count > maxInspected {
			return fmt.Errorf("there are more than %d", maxInspected)
		}
		n := 1
		for n < len(packets) && packets[n].tag != tagPublicKey {
			n++
		}
		for _, p := range packets[:n] {
			if ignorable(p) {
				return fmt.Errorf("a packet of type %d is no part of a certificate", p.tag)
			}
		}
		if _, err := newCert(packets[:n]); err != nil {
			return err
		}
		packets = packets[n:]
	}
	return nil
}

package crypto

import (
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// suite is how a data packet is encrypted. Readers with the same suite can share one.
type suite struct {
	v2     bool // SEIPD version 2, which is AEAD, with version 6 session-key packets; else version 1 and 3
	cipher packet.CipherFunction
	mode   packet.AEADMode // of version 2 only
}

// suites of version 2 in the order of preference: GCM is twenty times as fast as the others here.
var suites = []suite{
	{true, packet.CipherAES256, packet.AEADModeGCM},
	{true, packet.CipherAES256, packet.AEADModeOCB},
	{true, packet.CipherAES256, packet.AEADModeEAX},
	{true, packet.CipherAES128, packet.AEADModeGCM},
	{true, packet.CipherAES128, packet.AEADModeOCB},
	{true, packet.CipherAES128, packet.AEADModeEAX},
}

// suiteOf returns the best suite that the certificates of all readers of a copy announce (RFC 9580, sections 12.2 and
// 13.7). Version 2 is for copies all of whose readers read it; others have version 1, which everybody reads, with version 3
// packets for version 6 keys, too.
func suiteOf(all ...reader) suite {
	if !every(all, reader.readsV2) {
		if every(all, reader.prefersAES256) {
			return suite{cipher: packet.CipherAES256}
		}
		return suite{cipher: packet.CipherAES128}
	}
	for _, s := range suites {
		if every(all, func(r reader) bool { return r.announces(s) }) {
			return s
		}
	}
	if every(all, reader.isPQ) {
		return suite{true, packet.CipherAES256, packet.AEADModeOCB}
	}
	return suite{true, packet.CipherAES128, packet.AEADModeOCB}
}

func every(all []reader, able func(reader) bool) bool {
	return !slices.ContainsFunc(all, func(r reader) bool { return !able(r) })
}

// readsV2 reports whether the reader's certificate announces version 2, or is a version 6 certificate that announces
// nothing. AES-128, in OCB mode, is then understood by all, and AES-256 by all that know post-quantum keys.
func (r reader) readsV2() bool {
	self := r[0].PrimarySelfSignature
	return self.SEIPDv2 || r[0].Entity.PrimaryKey.Version >= 6 && !self.SEIPDv1
}

func (r reader) announces(s suite) bool {
	return slices.Contains(r[0].PrimarySelfSignature.PreferredCipherSuites, [2]uint8{uint8(s.cipher), uint8(s.mode)})
}

func (r reader) prefersAES256() bool {
	return slices.Contains(r[0].PrimarySelfSignature.PreferredSymmetric, uint8(packet.CipherAES256))
}

// isPQ reports whether all keys stand up to a quantum computer.
func (r reader) isPQ() bool {
	return !slices.ContainsFunc(r, func(key openpgp.Key) bool { return !key.PublicKey.IsPQ() })
}

package crypto

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// ErrOtherKey is returned by [Cert.Merge] for an update that holds nothing of the certificate's key.
var ErrOtherKey = errors.New("the update holds neither this certificate nor a revocation by its key")

// Merge returns the certificate with what another copy of it adds: User IDs, user attributes, subkeys, and above all
// signatures by its own primary key. The update is a keyring, armored or binary: copies of the certificate, which may
// lack User IDs or be cut off, and bare revocation certificates count; other keys are passed over. If it holds nothing
// of this key, the error is [ErrOtherKey].
//
// From the update come only signatures that verify as made by the primary key, and components with such a signature.
// Signatures by others stay in c and are never added. Signatures that say the same in their hashed part become one, and
// of their unhashed parts only the issuer and the embedded signature of a signing subkey are kept. So nobody but the
// owner can make a certificate grow, merging again changes nothing, and the order in which copies are merged makes no
// difference to what the owner signed.
//
// A revocation on either side is in the result. Should everything together break a limit of [ParseCert], room is given
// to revocations of what c holds, then to the rest of what the owner signed in c, then to the update's revocations and
// its other signatures, and last to what others signed; what does not fit is left out. Of an update's signatures those
// that are new are checked, revocations first: at most 1000, or 100 for keys that are slow to check. On any error c is
// as good as before: keep it.
func (c *Cert) Merge(update []byte) (*Cert, error) {
	own, err := parsePackets(c.raw)
	if err != nil {
		return nil, fmt.Errorf("merge certificate %s: %w", c.Fingerprint(), err)
	}
	m := &merger{
		primary: c.entity.PrimaryKey,
		byName:  make(map[content]*part),
		said:    make(map[utterance]*item),
		seen:    make(map[utterance]bool),
	}
	for _, part := range components(own) {
		m.addOwn(part)
	}
	found, err := m.addUpdate(update)
	if err != nil {
		return nil, fmt.Errorf("merge certificate %s: %w", c.Fingerprint(), err)
	}
	if !found {
		return nil, ErrOtherKey
	}
	merged := m.packets()
	if bytes.Equal(encodePackets(merged), c.raw) {
		return c, nil
	}
	cert, err := newCert(merged)
	if err != nil {
		return nil, fmt.Errorf("merge certificate %s: %w", c.Fingerprint(), err)
	}
	return cert, nil
}

// merger joins the components of two copies. What it holds stays in order: those of the certificate, then those of
// the update.
type merger struct {
	primary *packet.PublicKey
	parts   []*part
	items   []*item
	byName  map[content]*part
	said    map[utterance]*item // by what the signature says
	seen    map[utterance]bool  // by the octets of the signature; whether it is valid
	slow    bool                // a key that signs takes long to check
}

// part is a component that is or may become one of the certificate.
type part struct {
	about rawPacket
	items []*item
	own   bool // of the certificate, not of the update
}

// item is one signature about a part, or the part alone, which has no packet.
type item struct {
	part *part
	statement
	rank  rank
	cheap bool // never checked when the certificate is parsed
	kept  bool
}

// utterance is a signature about a part.
type utterance struct {
	part *part
	text string
}

// rank is the order in which items get room.
type rank int

const (
	rankPrimary          rank = iota
	rankOwnRevocation         // of a component of the certificate, by either copy
	rankOwnStatement          // by the owner, in the certificate
	rankUpdateRevocation      // of a component that only the update has
	rankUpdateStatement       // by the owner, in the update
	rankOthers                // by others or broken, in the certificate, and its components without a statement
	rankCount
)

func (m *merger) addOwn(c component) {
	p := &part{about: c.about, own: true}
	bare := rankOthers
	if len(m.parts) == 0 {
		bare = rankPrimary
	}
	m.parts = append(m.parts, p)
	m.byName[c.about.content()] = p
	m.slow = m.slow || slowSigner(c.about)
	m.add(p, statement{}, bare)
	for _, sig := range c.signatures {
		s, err := readStatement(m.primary, c.about, sig)
		m.seen[utterance{p, string(sig.body)}] = err == nil
		switch {
		case err != nil:
			m.add(p, statement{raw: sig}, rankOthers).cheap = errors.Is(err, errOtherIssuer)
		case isRevocation(sig):
			m.say(p, s, rankOwnRevocation)
		default:
			m.say(p, s, rankOwnStatement)
		}
	}
}

func (m *merger) add(p *part, s statement, r rank) *item {
	i := &item{part: p, statement: s, rank: r}
	p.items = append(p.items, i)
	m.items = append(m.items, i)
	return i
}

// say adds a statement, or lets it take the place of one that says the same in more octets.
func (m *merger) say(p *part, s statement, r rank) {
	id := utterance{p, s.says}
	known := m.said[id]
	switch {
	case known == nil:
		m.said[id] = m.add(p, s, r)
	case s.before(known.statement):
		known.statement = s
	}
}

// claim is a signature of the update that is not checked yet.
type claim struct {
	part *part
	sig  rawPacket
}

// addUpdate reports whether the update has anything of this key.
func (m *merger) addUpdate(update []byte) (found bool, err error) {
	var claims []claim
	for group, err := range keyGroups(bytes.NewReader(update)) {
		if errors.Is(err, ErrNoKeys) {
			break
		}
		if err != nil {
			return false, err
		}
		claims = append(claims, m.claims(group, &found)...)
	}
	limit := maxSignatures
	if m.slow {
		limit = maxSlowSignatures
	}
	for _, revoking := range []bool{true, false} {
		for _, cl := range claims {
			id := utterance{cl.part, string(cl.sig.body)}
			valid, seen := m.seen[id]
			found = found || valid
			if seen || isRevocation(cl.sig) != revoking || limit == 0 {
				continue
			}
			s, err := readStatement(m.primary, cl.part.about, cl.sig)
			m.seen[id] = err == nil
			if !errors.Is(err, errOtherIssuer) && !errors.Is(err, errNotByOwner) {
				limit--
			}
			if err == nil {
				found = true
				m.say(cl.part, s, cl.part.rank(revoking))
			}
		}
	}
	return found, nil
}

func (p *part) rank(revoking bool) rank {
	switch {
	case revoking && p.own:
		return rankOwnRevocation
	case revoking:
		return rankUpdateRevocation
	}
	return rankUpdateStatement
}

// claims lists the signatures in one key of the update about components of this certificate.
func (m *merger) claims(group keyGroup, found *bool) []claim {
	if len(group.packets) == 0 {
		return nil
	}
	primary := m.parts[0]
	var claims []claim
	switch first := group.packets[0]; {
	case group.isRevocation():
		return []claim{{primary, first}}
	case first.tag != tagPublicKey || !bytes.Equal(first.body, primary.about.body):
		return nil
	}
	*found = true
	for _, c := range components(slices.DeleteFunc(group.packets, ignorable)) {
		p := m.find(c.about)
		if p == nil {
			continue
		}
		for _, sig := range c.signatures {
			claims = append(claims, claim{p, sig})
		}
	}
	return claims
}

// find returns the part for a component of the update, a new one if need be, and nil for what is no part of a
// certificate or would take too long to check.
func (m *merger) find(about rawPacket) *part {
	if p, known := m.byName[about.content()]; known {
		return p
	}
	var p *part
	switch about.tag {
	case tagUserID, tagUserAttr:
		p = &part{about: about}
	case tagPublicSubkey:
		if pub, ok := parsePublicKey(about); !ok || !pub.CanSign() || !exorbitant(pub) {
			p = &part{about: about}
		}
	}
	if p != nil {
		m.slow = m.slow || slowSigner(about)
		m.byName[about.content()] = p
		m.parts = append(m.parts, p)
	}
	return p
}

// packets returns what there is room for.
func (m *merger) packets() []rawPacket {
	var used room
	for r := range rankCount {
		for _, i := range m.items {
			if i.rank == r {
				i.kept = used.take(i)
			}
		}
	}
	var packets []rawPacket
	for _, p := range m.parts {
		if !slices.ContainsFunc(p.items, func(i *item) bool { return i.kept }) {
			continue
		}
		packets = append(packets, p.about)
		for _, i := range p.items {
			if i.kept && i.raw.body != nil {
				packets = append(packets, i.raw)
			}
		}
	}
	return packets
}

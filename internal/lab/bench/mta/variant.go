package mta

// Variant is what a Postfix has for a milter.
type Variant string

// The variants. [NoopUnix] and [NoopTCP] are a milter that sees all that sealmilter sees, and changes nothing.
const (
	None     Variant = "none"
	NoopUnix Variant = "noop-unix"
	NoopTCP  Variant = "noop-tcp"
	SealUnix Variant = "sealmilter-unix"
	SealTCP  Variant = "sealmilter-tcp"
)

// Variants are all of them, in the order in which they are compared.
func Variants() []Variant { return []Variant{None, NoopUnix, NoopTCP, SealUnix, SealTCP} }

// Base returns what a variant is compared with: the milter that does nothing on the same kind of socket, and without a
// milter the one on a Unix socket.
func (v Variant) Base() Variant {
	if v.overTCP() {
		return NoopTCP
	}
	return NoopUnix
}

func (v Variant) overTCP() bool { return v == NoopTCP || v == SealTCP }

func (v Variant) seals() bool { return v == SealUnix || v == SealTCP }

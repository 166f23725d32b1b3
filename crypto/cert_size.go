package crypto

// What the library makes of a certificate takes, in octets of memory and measured, about these beside the octets of the
// packets, which it keeps several times.
const (
	packetMemory    = 1200
	subpacketMemory = 100
	copiesOfPackets = 4
)

// Size returns about how many octets of memory the certificate takes. It is sooner too much than too little.
func (c *Cert) Size() int { return c.size }

func memoryOf(packets []rawPacket) int {
	size := 0
	for _, p := range packets {
		size += packetMemory + copiesOfPackets*len(p.body)
		if p.tag == tagSignature {
			size += subpacketsMemory(p.body)
		}
	}
	return size
}

// subpacketsMemory counts for one that is a signature itself, as in the binding of a signing subkey, what is in it, too.
func subpacketsMemory(signature []byte) int {
	areas, err := cutSignature(signature)
	if err != nil {
		return 0 // the library cannot read it, either
	}
	size := 0
	for _, area := range [][]byte{areas.hashed, areas.unhashed} {
		subpackets, _ := parseSubpackets(area)
		for _, s := range subpackets {
			size += subpacketMemory
			if s.is(subEmbedded) {
				size += packetMemory + subpacketsMemory(s.body)
			}
		}
	}
	return size
}

package scripted

import (
	"encoding/binary"
	"slices"
	"strings"
)

// Terms are what MTA and milter agree on at the start of a connection.
type Terms struct {
	Version uint32
	// Actions are what the milter may do, SMFIF_*.
	Actions uint32
	// Steps are events and answers that are left out, and manners of both sides, SMFIP_*.
	Steps uint32
}

// Everything returns what Postfix and sendmail offer.
func Everything() Terms { return Terms{Version: 6, Actions: 0x1ff, Steps: 0x1fffff} }

// The actions and manners that the double knows by name.
const (
	AddHeaders    = 0x1
	ChangeBody    = 0x2
	AddRecipients = 0x4
	DelRecipients = 0x8
	ChangeHeaders = 0x10
	Quarantine    = 0x20
	ChangeFrom    = 0x40
	AddWithArgs   = 0x80
	ChooseMacros  = 0x100

	SkipBody     = 0x400    // the answer "skip"
	SilentBody   = 0x80000  // no answer to pieces of the body
	LeadingSpace = 0x100000 // header values keep the white space after the colon
)

// withoutEvent and withoutAnswer are the steps by which a milter forgoes an event, or the answer to it.
var (
	withoutEvent  = map[byte]uint32{'C': 0x1, 'H': 0x2, 'M': 0x4, 'R': 0x8, 'B': 0x10, 'L': 0x20, 'N': 0x40, 'U': 0x100, 'T': 0x200}
	withoutAnswer = map[byte]uint32{'L': 0x80, 'C': 0x1000, 'H': 0x2000, 'M': 0x4000, 'R': 0x8000, 'T': 0x10000, 'U': 0x20000, 'N': 0x40000, 'B': 0x80000}
)

// stages are the events of the numbers by which a milter chooses macros (SMFIM_*).
const stages = "CHMRTEN"

// agree takes the milter's answer to an offer.
func agree(offer Terms, p packet) (agreed Terms, macros map[byte][]string, err error) {
	if p.code != 'O' || len(p.data) < 12 {
		return Terms{}, nil, violation("the offer is answered with %c %.60q", p.code, p.data)
	}
	word := func(i int) uint32 { return binary.BigEndian.Uint32(p.data[4*i:]) }
	agreed = Terms{word(0), word(1), word(2)}
	switch {
	case agreed.Version < 2 || agreed.Version > offer.Version:
		return Terms{}, nil, violation("version %d, offered was %d", agreed.Version, offer.Version)
	case agreed.Actions&^offer.Actions != 0:
		return Terms{}, nil, violation("actions %#x, offered were %#x", agreed.Actions, offer.Actions)
	case agreed.Steps&^offer.Steps != 0:
		return Terms{}, nil, violation("steps %#x, offered were %#x", agreed.Steps, offer.Steps)
	}
	macros, err = chosenMacros(p.data[12:])
	if err == nil && len(macros) > 0 && agreed.Actions&ChooseMacros == 0 {
		err = violation("macros are chosen, which was not agreed on")
	}
	return agreed, macros, err
}

// chosenMacros reads lists of names: a stage in 4 octets, then names between spaces, ended by NUL.
func chosenMacros(data []byte) (map[byte][]string, error) {
	chosen := map[byte][]string{}
	for len(data) > 0 {
		if len(data) < 5 {
			return nil, violation("a list of macros is cut: %q", data)
		}
		stage := binary.BigEndian.Uint32(data)
		end := slices.Index(data[4:], 0)
		if stage >= uint32(len(stages)) || end < 0 {
			return nil, violation("a list of macros for stage %d: %q", stage, data[4:])
		}
		names := strings.Fields(string(data[4 : 4+end]))
		for _, name := range names {
			if len(name) > 1 && !(strings.HasPrefix(name, "{") && strings.HasSuffix(name, "}")) {
				return nil, violation("the macro %q has a long name without braces", name)
			}
		}
		chosen[stages[stage]] = names
		data = data[4+end+1:]
	}
	return chosen, nil
}

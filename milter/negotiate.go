package milter

import (
	"encoding/binary"
	"errors"
	"fmt"

	lib "github.com/emersion/go-milter"
)

// What the MTA must offer. Without one of the actions a copy could not be made safe; without the leading space of
// header values the header could not be rebuilt octet for octet. Postfix (since 2.6) and sendmail (since 8.14) offer
// all of it.
const (
	needVersion = 6
	needActions = lib.OptAddHeader | lib.OptChangeHeader | lib.OptChangeBody | lib.OptRemoveRcpt
	needSteps   = lib.OptHeaderLeadingSpace
)

// macroLists are the macros asked for where the MTA lets a milter choose, so that no setting of the MTA can hide who
// logged in. The list of the end of header is there because sendmail looks at it to honour that of the end of message.
var macroLists = [...]struct {
	stage lib.Stage
	names string
}{
	{lib.StageConnect, "v j {daemon_name} {daemon_addr} {daemon_port} {if_addr}"},
	{lib.StageMailFrom, "i {auth_authen}"},
	{lib.StageEOH, "i"},
	{lib.StageEOM, "i"},
}

// offer is the MTA's side of the option negotiation.
type offer struct {
	version uint32
	actions lib.OptAction
	steps   lib.OptProtocol
}

func parseOffer(f frame) (offer, error) {
	if f.code() != lib.CodeOptNeg || len(f.data()) < 12 {
		return offer{}, errors.New("the connection does not begin with an option negotiation")
	}
	word := func(i int) uint32 { return binary.BigEndian.Uint32(f.data()[4*i:]) }
	return offer{word(0), lib.OptAction(word(1)), lib.OptProtocol(word(2))}, nil
}

// answer returns the frame that accepts the offer, or an error that says what it lacks. The library's own answer
// always says version 2 and never looks at the offer.
//
// No step and no reply is skipped: over TCP that would cost 40 ms for each message, because Nagle's algorithm at the
// MTA then waits for a delayed acknowledgement.
func (o offer) answer() (frame, error) {
	if o.version < needVersion || o.actions&needActions != needActions || o.steps&needSteps != needSteps {
		return nil, fmt.Errorf("the MTA offers milter protocol version %d, actions %#x and steps %#x, but version %d, actions %#x and steps %#x are needed; check the MTA's milter_protocol setting",
			o.version, uint32(o.actions), uint32(o.steps), needVersion, uint32(needActions), uint32(needSteps))
	}
	actions := needActions | o.actions&lib.OptSetSymList
	data := binary.BigEndian.AppendUint32(nil, needVersion)
	data = binary.BigEndian.AppendUint32(data, uint32(actions))
	data = binary.BigEndian.AppendUint32(data, uint32(needSteps|o.steps&lib.OptSkip))
	if actions&lib.OptSetSymList != 0 {
		for _, l := range macroLists {
			data = binary.BigEndian.AppendUint32(data, uint32(l.stage))
			data = append(data, l.names...)
			data = append(data, 0)
		}
	}
	return appendFrame(nil, lib.CodeOptNeg, string(data)), nil
}

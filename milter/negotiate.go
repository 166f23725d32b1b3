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

// sparedSteps are left out if the MTA can do without them: DATA and unknown commands, of which we have no use, and the
// answers to events that nothing depends on before the end of the message. Each would have the MTA stop and wait for us,
// 15 times in a small message. Without them Postfix sends all of a small message at once. Over TCP it then waits for an
// acknowledgement in some places, see acknowledgeAtOnce.
const sparedSteps = lib.OptNoData | lib.OptNoUnknown | lib.OptNoHeloReply | lib.OptNoHeaderReply | lib.OptNoEOHReply | lib.OptNoBodyReply

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

// answer returns the frame that accepts the offer, and the steps agreed on, or an error that says what the offer lacks.
// The library's own answer always says version 2 and never looks at the offer.
func (o offer) answer() (frame, lib.OptProtocol, error) {
	if o.version < needVersion || o.actions&needActions != needActions || o.steps&needSteps != needSteps {
		return nil, 0, fmt.Errorf("the MTA offers milter protocol version %d, actions %#x and steps %#x, but version %d, actions %#x and steps %#x are needed; check the MTA's milter_protocol setting",
			o.version, uint32(o.actions), uint32(o.steps), needVersion, uint32(needActions), uint32(needSteps))
	}
	actions := needActions | o.actions&lib.OptSetSymList
	steps := needSteps | o.steps&sparedSteps
	if steps&lib.OptNoBodyReply == 0 {
		steps |= o.steps & lib.OptSkip
	}
	data := binary.BigEndian.AppendUint32(nil, needVersion)
	data = binary.BigEndian.AppendUint32(data, uint32(actions))
	data = binary.BigEndian.AppendUint32(data, uint32(steps))
	if actions&lib.OptSetSymList != 0 {
		for _, l := range macroLists {
			data = binary.BigEndian.AppendUint32(data, uint32(l.stage))
			data = append(data, l.names...)
			data = append(data, 0)
		}
	}
	return appendFrame(nil, lib.CodeOptNeg, string(data)), steps, nil
}

// isAnswered reports whether the MTA waits for an answer to an event, after the steps agreed on. It would take an answer
// that it does not wait for as the answer to a later event, at worst to the end of the message.
func isAnswered(code lib.Code, steps lib.OptProtocol) bool {
	switch code {
	case lib.CodeHelo:
		return steps&lib.OptNoHeloReply == 0
	case lib.CodeHeader:
		return steps&lib.OptNoHeaderReply == 0
	case lib.CodeEOH:
		return steps&lib.OptNoEOHReply == 0
	case lib.CodeBody:
		return steps&lib.OptNoBodyReply == 0
	case lib.CodeMacro, lib.CodeAbort, lib.CodeQuit, lib.CodeQuitNewConn:
		return false
	default:
		return true
	}
}

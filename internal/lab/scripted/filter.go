package scripted

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// unavailable is what a client hears while the milter does not answer, or not as it should.
const unavailable = "451 4.7.1 Service unavailable - try again later"

// filter is the milter as one client's session sees it: events go in, and SMTP replies come out, "" to go on. A milter that
// fails is not asked again, and its failure is a temporary one of the message (the setting "tempfail" of Postfix, F=T of
// sendmail).
type filter struct {
	manners
	style  Style
	cut    func(body []byte) [][]byte
	object func(error) // takes note of a milter that breaks the protocol

	conn   *Conn // nil after a failure
	values map[string]string

	refusal string                          // of the client as such
	unseen  struct{ session, message bool } // accepted without a further look
	// discarded says that the milter wants the message to be dropped as if it had been delivered.
	discarded bool
}

// newFilter connects to the milter and tells of a client.
func newFilter(ctx context.Context, m manners, config Config, object func(error), daemon string, client, server netip.AddrPort) *filter {
	const host = "localhost"
	f := &filter{manners: m, style: config.Style, cut: config.Cut, object: object, values: map[string]string{
		"v": m.version, "j": hostName, "_": host, "{daemon_name}": daemon, "{if_name}": hostName,
	}}
	if server.IsValid() {
		f.values["{daemon_addr}"], f.values["{daemon_port}"] = server.Addr().String(), fmt.Sprint(server.Port())
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", config.Milter)
	if err != nil {
		return f
	}
	if f.conn, err = Negotiate(conn, config.Offer); err != nil {
		f.conn = nil
		f.fail(errors.Join(err, conn.Close()))
		return f
	}
	f.conn.ProgressAnytime = m.progressAnytime
	f.refusal = f.ask('C', func() (Answer, error) { return f.conn.Connect(host, client) })
	return f
}

// fail gives the milter up.
func (f *filter) fail(err error) {
	if errors.Is(err, ErrProtocol) {
		f.object(err)
	}
	if f.conn != nil {
		_ = f.conn.Close()
		f.conn = nil
	}
}

// ask sends macros and an event, and returns what the answer means to the client.
func (f *filter) ask(event byte, say func() (Answer, error)) (reply string) {
	switch {
	case f.conn == nil:
		return unavailable
	case f.refusal != "":
		return f.refusal
	case f.unseen.session || f.unseen.message || f.discarded:
		return ""
	}
	err := f.sendMacros(event)
	var a Answer
	if err == nil {
		a, err = say()
	}
	if err != nil {
		f.fail(err)
		return unavailable
	}
	return f.meaning(event, a)
}

func (f *filter) meaning(event byte, a Answer) (reply string) {
	switch a.Code {
	case Continue, Skip:
		return ""
	case Accept:
		if event == 'C' || event == 'H' {
			f.unseen.session = true
		} else {
			f.unseen.message = true
		}
		return ""
	case Discard:
		f.discarded = true
		return ""
	case Reject:
		return "550 5.7.1 Command rejected"
	case ReplyCode:
		return a.Reply
	default:
		return unavailable
	}
}

func (f *filter) sendMacros(event byte) error {
	names, chosen := f.conn.Chosen(event)
	if !chosen {
		names = f.macros[event]
	}
	var pairs []string
	for _, name := range names {
		if value := f.values[name]; value != "" {
			pairs = append(pairs, name, value)
		}
	}
	if len(pairs) == 0 && !(f.noMacros && len(names) > 0) {
		return nil
	}
	return f.conn.Macros(event, pairs...)
}

func (f *filter) helo(name string) string {
	return f.ask('H', func() (Answer, error) { return f.conn.Helo(name) })
}

func (f *filter) login(user string) {
	f.values["{auth_authen}"], f.values["{auth_type}"] = user, "PLAIN"
}

func (f *filter) mail(queueID, path string, args []string) string {
	if f.early {
		f.values["i"] = queueID
	}
	f.values["{mail_addr}"] = bare(path)
	return f.ask('M', func() (Answer, error) { return f.conn.Mail(path, args...) })
}

func (f *filter) rcpt(queueID, path string, args []string) string {
	// Postfix normalises what a milter must spell as it came.
	f.values["{rcpt_addr}"] = strings.ToLower(bare(path))
	reply := f.ask('R', func() (Answer, error) { return f.conn.Rcpt(path, args...) })
	if reply == "" {
		f.values["i"] = queueID
	}
	return reply
}

func (f *filter) data() string { return f.ask('T', func() (Answer, error) { return f.conn.Data() }) }

func (f *filter) unknown(command string) string {
	return f.ask('U', func() (Answer, error) { return f.conn.Unknown(command) })
}

// content shows header and body, and changes the message as the milter wants it.
func (f *filter) content(m *Message) (reply string) {
	for _, field := range m.Header {
		if reply := f.ask('L', func() (Answer, error) { return f.conn.Field(field.Name, field.Value) }); reply != "" {
			return reply
		}
	}
	if reply := f.ask('N', func() (Answer, error) { return f.conn.EndOfHeader() }); reply != "" {
		return reply
	}
	skipped := false
	for _, piece := range f.cut(m.Body) {
		if skipped {
			break
		}
		reply := f.ask('B', func() (Answer, error) {
			a, err := f.conn.Body(piece)
			skipped = a.Code == Skip
			return a, err
		})
		if reply != "" {
			return reply
		}
	}
	f.values["{msg_id}"] = m.value("Message-ID")
	var edits []Edit
	reply = f.ask('E', func() (a Answer, err error) {
		edits, a, err = f.conn.EndOfMessage(nil)
		return a, err
	})
	if reply != "" || len(edits) == 0 || f.discarded {
		return reply
	}
	if err := m.Apply(edits, f.style); err != nil {
		f.fail(err)
		return unavailable
	}
	if len(m.Recipients) == 0 {
		f.object(violation("every recipient is deleted, and the message is not discarded"))
		return unavailable
	}
	return ""
}

// endMessage forgets the message. One that the client takes back is aborted; Postfix aborts those that are over, too.
func (f *filter) endMessage(begun, over bool) {
	f.unseen.message, f.discarded = false, false
	for _, name := range []string{"i", "{mail_addr}", "{rcpt_addr}", "{msg_id}"} {
		delete(f.values, name)
	}
	if f.conn != nil && begun && (f.aborts || !over) {
		if err := f.conn.Abort(); err != nil {
			f.fail(err)
		}
	}
}

// quit says goodbye.
func (f *filter) quit() {
	if f.conn == nil {
		return
	}
	if f.aborts {
		if err := f.conn.Abort(); err != nil {
			f.fail(err)
			return
		}
	}
	if err := f.conn.Quit(); err != nil {
		f.fail(err)
	}
}

// bare strips the angle brackets.
func bare(path string) string { return strings.TrimSuffix(strings.TrimPrefix(path, "<"), ">") }

// value returns the first field of a name without white space around it, "" if there is none.
func (m *Message) value(name string) string {
	i := slices.IndexFunc(m.Header, func(f Field) bool { return strings.EqualFold(f.Name, name) })
	if i < 0 {
		return ""
	}
	return strings.TrimSpace(m.Header[i].Value)
}

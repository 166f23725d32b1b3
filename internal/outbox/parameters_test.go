package outbox_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// listener announces what it is told to, says yes to everything and writes down what it hears.
type listener struct {
	addr  string
	heard chan []string // one list for each connection, when that ends
}

func newListener(t *testing.T, extensions ...string) *listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &listener{addr: l.Addr().String(), heard: make(chan []string, 1)}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.heard <- converse(conn, extensions)
			conn.Close()
		}
	}()
	return r
}

func converse(conn net.Conn, extensions []string) (heard []string) {
	in := bufio.NewReader(conn)
	io.WriteString(conn, "220 queue.example\r\n")
	for data := false; ; {
		line, err := in.ReadString('\n')
		line = strings.TrimSuffix(line, "\r\n")
		if err != nil || line == "QUIT" {
			return heard
		}
		heard = append(heard, line)
		switch {
		case data && line != ".":
		case strings.HasPrefix(line, "EHLO "):
			io.WriteString(conn, "250-queue.example\r\n")
			for _, e := range extensions {
				io.WriteString(conn, "250-"+e+"\r\n")
			}
			io.WriteString(conn, "250 HELP\r\n")
		case line == "DATA":
			data = true
			io.WriteString(conn, "354 go on\r\n")
		case strings.HasPrefix(line, "RCPT "):
			io.WriteString(conn, "251 will forward\r\n")
		default:
			data = false
			io.WriteString(conn, "250 2.0.0 Ok\r\n")
		}
	}
}

// TestParameters sends one copy for each line and compares the commands with those of the client, word by word.
func TestParameters(t *testing.T) {
	all := []string{"PIPELINING", "SIZE 1000000", "DSN", "8bitmime", "SMTPUTF8", "DELIVERBY 5", "MT-PRIORITY", "RRVS", "XVERP", "AUTH PLAIN"}
	long := "ENVID=" + strings.Repeat("+3D", 33) + "x"
	for _, tc := range []struct {
		name       string
		extensions []string
		from, to   string // addresses
		mail, rcpt string // the client's parameters
		wantMail   string
		wantRcpt   string
		eightBit   bool
		nonSMTP    bool
		header     string
		code       int
	}{
		{name: "none", extensions: all},
		{name: "notifications", extensions: all, mail: "RET=HDRS ENVID=abc", rcpt: "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob@example.net",
			wantMail: "RET=HDRS ENVID=abc", wantRcpt: "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob@example.net"},
		{name: "lower case", extensions: all, mail: "ret=full envid=Abc", rcpt: "notify=never orcpt=RFC822;Bob@Example.net",
			wantMail: "ret=full envid=Abc", wantRcpt: "notify=never orcpt=RFC822;Bob@Example.net"},
		{name: "odd xtext", extensions: all, mail: long, rcpt: "ORCPT=rfc822;a+2Bb+3D+20c@example.net", wantMail: long, wantRcpt: "ORCPT=rfc822;a+2Bb+3D+20c@example.net"},
		{name: "other address types", extensions: all, rcpt: "ORCPT=x400;/C=de/S=bob/", wantRcpt: "ORCPT=x400;/C=de/S=bob/"},
		{name: "a UTF-8 address type", extensions: all, mail: "SMTPUTF8", rcpt: "ORCPT=utf-8;dörte@bücher.example",
			wantMail: "SMTPUTF8", wantRcpt: "ORCPT=utf-8;dörte@bücher.example"},
		{name: "no DSN", extensions: []string{"SIZE"}, mail: "RET=HDRS ENVID=abc", rcpt: "NOTIFY=NEVER ORCPT=rfc822;bob@example.net"},
		{name: "7bit", extensions: all, mail: "BODY=7BIT", wantMail: "BODY=7BIT"},
		{name: "8bit", extensions: all, mail: "body=8bitmime SIZE=5", wantMail: "BODY=8BITMIME"},
		{name: "8bit, not told", extensions: all, mail: "BODY=7BIT", eightBit: true, wantMail: "BODY=8BITMIME"},
		{name: "8bit asked for but not needed", extensions: nil, mail: "BODY=8BITMIME"},
		{name: "8bit needed", extensions: nil, mail: "BODY=8BITMIME", eightBit: true, code: 554},
		{name: "binary", extensions: append(all, "BINARYMIME"), mail: "BODY=BINARYMIME", code: 554},
		{name: "UTF-8 recipient of a local program", extensions: all, to: "dörte@example.net", nonSMTP: true, wantMail: "SMTPUTF8"},
		{name: "UTF-8 sender of a notice", extensions: all, from: "jörg@example.org", wantMail: "SMTPUTF8"},
		{name: "UTF-8 recipient, no SMTPUTF8", extensions: []string{"8BITMIME"}, to: "dörte@example.net", code: 550},
		{name: "UTF-8 header of a local program", extensions: all, nonSMTP: true, header: " Dörte", wantMail: "SMTPUTF8"},
		{name: "UTF-8 header of a client that did not say so", extensions: all, header: " Dörte"},
		{name: "8-bit header of a local program", extensions: all, nonSMTP: true, header: " D\xf6rte"},
		{name: "submitter", extensions: all, mail: "AUTH=alice@example.org"},
		{name: "priority", extensions: all, mail: "MT-PRIORITY=3", wantMail: "MT-PRIORITY=3"},
		{name: "no priority", extensions: nil, mail: "MT-PRIORITY=3"},
		{name: "deadline", extensions: all, mail: "BY=120;R", wantMail: "BY=120;R"},
		{name: "no deadline", extensions: nil, mail: "BY=120;R", code: 555},
		{name: "later", extensions: all, mail: "HOLDFOR=3600", code: 555},
		{name: "TLS all the way", extensions: all, mail: "REQUIRETLS", code: 555},
		{name: "own name", extensions: all, mail: "XVERP", rcpt: "RRVS=2014-04-03T23:01:00Z", wantMail: "XVERP", wantRcpt: "RRVS=2014-04-03T23:01:00Z"},
		{name: "unknown of the recipient", extensions: all, rcpt: "X-NEW=1", code: 555},
		{name: "empty", extensions: all, mail: " ", code: 550},
		{name: "broken UTF-8", extensions: all, rcpt: "ORCPT=utf-8;d\xf6rte@example.net", code: 550},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newListener(t, tc.extensions...)
			m := message(t, "Subject: x\n")
			from, to := "alice@example.org", "bob@example.net"
			if tc.from != "" {
				from = tc.from
			}
			if tc.to != "" {
				to = tc.to
			}
			m.Envelope.Sender, m.Envelope.NonSMTP = recipient(t, from).Addr, tc.nonSMTP
			m.Envelope.Args = parameters(tc.mail)
			c := copyTo(recipient(t, to, parameters(tc.rcpt)...))
			c.EightBit = tc.eightBit
			c.Header = append(c.Header, mail.Field{Name: "X-Name", Value: tc.header})
			o := outbox.New(l.addr, newLedger(t), time.Now)
			a, err := o.Begin(t.Context(), outbox.Identify(m))
			if err != nil {
				t.Fatal(err)
			}
			checked := a.Check(t.Context(), m.Envelope, []outbox.Copy{c})
			err = a.Send(t.Context(), m.Envelope, c)
			a.End()
			o.Close()
			heard := <-l.heard
			if tc.code != 0 {
				if err == nil || checked == nil || mail.AsFailure(err).Code != tc.code || mail.AsFailure(checked).Code != tc.code || len(heard) != 1 {
					t.Errorf("checked %v, sent %v, want %d; heard %q", checked, err, tc.code, heard)
				}
				return
			}
			if err != nil || checked != nil {
				t.Fatalf("checked %v, sent %v", checked, err)
			}
			for i, want := range []string{"MAIL FROM:<" + from + "> " + tc.wantMail, "RCPT TO:<" + to + "> " + tc.wantRcpt} {
				if got := words(heard[1+i]); fmt.Sprint(got) != fmt.Sprint(words(want)) {
					t.Errorf("heard %q, want %q", got, words(want))
				}
			}
		})
	}
}

func parameters(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, " ")
}

// words are the words of a command in the order of the alphabet, without the size.
func words(command string) []string {
	all := slices.DeleteFunc(strings.Fields(command), func(w string) bool { return strings.HasPrefix(w, "SIZE=") })
	slices.Sort(all)
	return all
}

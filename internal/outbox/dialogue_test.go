package outbox

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"sealmilter/internal/mail"
)

func TestRefusal(t *testing.T) {
	for _, tc := range []struct {
		code     int
		text     string
		want     int
		enhanced string
		said     string
	}{
		{550, "5.1.1 No such user", 550, "5.1.1", "No such user"},
		{550, "No such user", 550, "5.0.0", "No such user"},
		{452, "4.3.1 Full\n4.3.1 Come again", 452, "4.3.1", "Full\nCome again"},
		{550, "4.3.1 contradicts itself", 550, "5.0.0", "4.3.1 contradicts itself"},
		{550, "5.1 Too short", 550, "5.0.0", "5.1 Too short"},
		{550, "5.1.1.1 Too long", 550, "5.0.0", "5.1.1.1 Too long"},
		{550, "5.-1.1 Not a number", 550, "5.0.0", "5.-1.1 Not a number"},
		{550, "", 550, "5.0.0", ""},
		{421, "4.3.2 Shutting down", 451, "4.3.2", "Shutting down"},
		{421, "", 451, "4.0.0", ""},
		{250, "2.0.0 Ok", 451, "4.5.0", "Ok"},
		{354, "go on", 451, "4.5.0", "go on"},
		{999, "what", 451, "4.5.0", "what"},
	} {
		got := refusal(tc.code, tc.text)
		if got.Code != tc.want || got.Enhanced != tc.enhanced || got.Text != "The mail server does not take a copy: "+tc.said {
			t.Errorf("%d %q: %+v", tc.code, tc.text, got)
		}
	}
}

// FuzzServer has a server say anything at all, a line after each of the client's, and after the final dot the rest.
// Nothing but a whole transaction counts as one.
func FuzzServer(f *testing.F) {
	f.Add("220 x\r\n250-x\r\n250 SIZE 10\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n")
	f.Add("220-x\r\n220 y\r\n250 x\r\n250 ok\r\n251 ok\r\n354 go\r\n550 5.7.1 no\r\n")
	f.Add("220 x\r\n250 x\r\n250 ok\r\n250 ok\r\n354 go\r\n250-ok\r\n250")
	f.Add("220 x\r\n250 x\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n421 late\r\n")
	f.Add("220 x\r\n250-x\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n")
	f.Add("220 x\r\n250-x\r\n250 PIPELINING\r\n250 ok\r\n550 no\r\n354 go\r\n250 ok\r\n")
	f.Add("421 busy\r\n")
	f.Add("220 x\r\n250-x\r\n251 y\r\n")
	f.Add("\r\n")
	f.Fuzz(func(t *testing.T, replies string) {
		here, there := socketPair(t)
		heard := make(chan string)
		go func() { heard <- reply(there, replies) }()
		sent := false
		d, err := greet(here, "client.example")
		if err == nil {
			s := &session{dialogue: d}
			addr, _ := mail.ParseAddr("bob@example.net")
			c := Copy{To: mail.Recipient{Addr: addr}, Body: strings.NewReader("text\r\n")}
			if err = s.begin(t.Context(), &mail.Envelope{}, c); err == nil {
				err = s.send(t.Context(), c, func(int) (func(), error) { return func() {}, nil })
			}
			sent = err == nil
			s.settle()
		}
		here.Close()
		said := <-heard
		if sent && !strings.HasSuffix(said, "\r\n.\r\n") {
			t.Fatalf("sent, but said %q", said)
		}
		if failure := mail.AsFailure(err); err != nil && (failure.Code < 400 || failure.Code > 599) {
			t.Fatalf("refused with %+v", failure)
		}
	})
}

// socketPair returns two ends of a connection that are sockets, which those of [net.Pipe] are not.
func socketPair(t *testing.T) (here, there socket) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]socket
	for i, descriptor := range pair {
		file := os.NewFile(uintptr(descriptor), "end")
		conn, err := net.FileConn(file)
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		ends[i] = conn.(socket)
	}
	return ends[0], ends[1]
}

// reply is the server's side. It returns all that the client has said.
func reply(conn net.Conn, replies string) string {
	defer conn.Close()
	var heard strings.Builder
	in := bufio.NewReader(io.TeeReader(conn, &heard))
	text, said := false, ""
	for replies != "" {
		line, rest, _ := strings.Cut(replies, "\n")
		io.WriteString(conn, replies[:len(replies)-len(rest)])
		said += line + "\n"
		_, whole, _ := parseAnswer([]byte(said))
		if replies = rest; !whole || replies == "" {
			continue
		}
		command, err := in.ReadString('\n')
		if text && strings.HasPrefix(said, "354") {
			for err == nil && command != ".\r\n" {
				command, err = in.ReadString('\n')
			}
			io.WriteString(conn, replies)
			break
		}
		if err != nil {
			break
		}
		text, said = command == "DATA\r\n", ""
	}
	conn.(interface{ CloseWrite() error }).CloseWrite()
	io.Copy(io.Discard, in)
	return heard.String()
}

func FuzzParameter(f *testing.F) {
	f.Add("NOTIFY=NEVER")
	f.Add("ORCPT=utf-8;d\xc3\xb6rte@example.net")
	f.Add("ENVID=a\r\nRSET")
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, arg string) {
		d := &dialogue{extensions: map[string]string{"DSN": ""}}
		line, err := d.withParameters("RCPT TO:<x>", []string{arg})
		if err != nil {
			return
		}
		if strings.ContainsAny(line, "\r\n\x00") || strings.Count(line, " ") > 2 || !utf8.ValidString(line) {
			t.Fatalf("%q became %q", arg, line)
		}
	})
}

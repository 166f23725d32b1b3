package outbox_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/outbox"
)

func TestGuard(t *testing.T) {
	asked := make(chan net.Conn)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			asked <- c
		}
	}()
	o := outbox.New(l.Addr().String(), newLedger(t), time.Now)
	here, there := net.Pipe()
	done := make(chan struct{})
	go func() {
		o.Guard(there)
		close(done)
	}()
	answers := bufio.NewReader(here)
	ask := func(request string) string {
		t.Helper()
		if _, err := io.WriteString(here, request+"\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := answers.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		answers.ReadString('\n')
		return strings.TrimSpace(answer)
	}

	m := message(t, "Subject: x\n")
	a, err := o.Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan error)
	go func() { sent <- a.Send(t.Context(), m.Envelope, copyTo(recipient(t, "bob@example.net"))) }()
	own := <-asked
	// The MTA asks at RCPT TO; the client has spoken by then.
	io.WriteString(own, "220 queue.example\r\n")
	hello, err := bufio.NewReader(own).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, name, _ := strings.Cut(strings.TrimSpace(hello), "EHLO ")
	end := func(which, addr string) string {
		host, port, _ := net.SplitHostPort(addr)
		return which + "_address=" + host + "\n" + which + "_port=" + port + "\n"
	}
	request := func(addr string) string {
		return "request=smtpd_access_policy\nhelo_name=" + name + "\n" + end("client", addr)
	}
	server := func(addr string) string { return end("server", addr) }
	const ok, reject = "action=OK", "action=REJECT"
	for _, tc := range []struct{ name, request, want string }{
		{"own connection", request(own.RemoteAddr().String()), ok},
		{"another port", request("127.0.0.1:1"), reject},
		{"another address", strings.Replace(request(own.RemoteAddr().String()), "127.0.0.1", "127.0.0.2", 1), reject},
		{"own connection, with its server", request(own.RemoteAddr().String()) + server(own.LocalAddr().String()), ok},
		{"another server's address", request(own.RemoteAddr().String()) + server(strings.Replace(own.LocalAddr().String(), "127.0.0.1", "127.0.0.2", 1)), reject},
		{"another server's port", request(own.RemoteAddr().String()) + server("127.0.0.1:1"), reject},
		{"another request", strings.Replace(request(own.RemoteAddr().String()), "smtpd_access_policy", "x", 1), reject},
		{"another name", strings.Replace(request(own.RemoteAddr().String()), name, "sealmilter.localhost", 1), reject},
		{"a part of the name", strings.Replace(request(own.RemoteAddr().String()), name, name[:len(name)-1], 1), reject},
		{"an empty name", strings.Replace(request(own.RemoteAddr().String()), name, "", 1), reject},
		{"no name", strings.Replace(request(own.RemoteAddr().String()), "helo_name=", "x=", 1), reject},
		{"no port", "request=smtpd_access_policy\nclient_address=127.0.0.1\n", reject},
		{"empty", "", reject},
	} {
		if got := ask(tc.request); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	addr := own.RemoteAddr().String()
	own.Close()
	if err := <-sent; err == nil {
		t.Error("sending over a closed connection succeeded")
	}
	if got := ask(request(addr)); !strings.HasPrefix(got, reject) {
		t.Errorf("a closed connection is still known: %q", got)
	}
	here.Close()
	<-done
	a.End()
}

func FuzzGuard(f *testing.F) {
	f.Add("request=smtpd_access_policy\nclient_address=127.0.0.1\nclient_port=25\n\n")
	f.Add("x\n\n")
	f.Add("client_port=1\nclient_port=2\n\n")
	o := outbox.New("127.0.0.1:1", nil, time.Now)
	f.Fuzz(func(t *testing.T, request string) {
		here, there := net.Pipe()
		done := make(chan struct{})
		go func() {
			o.Guard(there)
			close(done)
		}()
		answer := make(chan string)
		go func() {
			b, _ := io.ReadAll(here)
			answer <- string(b)
		}()
		io.WriteString(here, request)
		there.Close()
		<-done
		here.Close()
		if got := <-answer; strings.Contains(got, "OK") {
			t.Fatalf("%q is answered %q", request, got)
		}
	})
}

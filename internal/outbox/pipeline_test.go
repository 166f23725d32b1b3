package outbox_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// TestPipelining has the MTA announce that it takes commands together, and refuse one of them or none. It is given all three
// before it says a word, and whatever it says then, it gets no final dot after a refusal.
func TestPipelining(t *testing.T) {
	for _, tc := range []struct {
		name    string
		replies [3]string
		code    int // 0 for a copy that is sent
	}{
		{"all is well", [3]string{"250 2.1.0 Ok", "251 2.1.5 will forward", "354 go on"}, 0},
		{"a sender is refused", [3]string{"550 5.7.1 no", "503 5.5.1 bad sequence", "503 5.5.1 bad sequence"}, 550},
		{"a recipient is refused", [3]string{"250 2.1.0 Ok", "550 5.1.1 nobody", "554 5.5.1 no valid recipients"}, 550},
		{"a recipient is put off", [3]string{"250 2.1.0 Ok", "450 4.2.0 later", "554 5.5.1 no valid recipients"}, 450},
		{"a text is waited for that nobody gets", [3]string{"250 2.1.0 Ok", "550 5.1.1 nobody", "354 go on"}, 550},
		{"a text is waited for that nobody sends", [3]string{"550 5.7.1 no", "250 2.1.5 Ok", "354 go on"}, 550},
		{"the text is refused", [3]string{"250 2.1.0 Ok", "250 2.1.5 Ok", "452 4.3.1 full"}, 452},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			heard := make(chan string, 1)
			go func() {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				in := bufio.NewReader(conn)
				io.WriteString(conn, "220 queue.example\r\n")
				in.ReadString('\n')
				io.WriteString(conn, "250-queue.example\r\n250 PIPELINING\r\n")
				var commands strings.Builder
				for range 3 { // of a client that waits for a reply in between, the second one never comes
					line, _ := in.ReadString('\n')
					commands.WriteString(line)
				}
				io.WriteString(conn, strings.Join(tc.replies[:], "\r\n")+"\r\n")
				for dot := false; !dot; {
					line, err := in.ReadString('\n')
					commands.WriteString(line)
					if err != nil {
						break
					}
					if dot = line == ".\r\n"; dot {
						io.WriteString(conn, "250 2.0.0 queued\r\n")
					}
				}
				heard <- commands.String()
			}()
			o := outbox.New(l.Addr().String(), newLedger(t), time.Now)
			defer o.Close()
			m, to := message(t, "Message-ID: <1@client.example>\n"), recipient(t, "bob@example.net")
			a, err := o.Begin(t.Context(), outbox.Identify(m))
			if err != nil {
				t.Fatal(err)
			}
			err = a.Send(t.Context(), m.Envelope, copyTo(to))
			a.End()
			if (err != nil) != (tc.code != 0) || err != nil && mail.AsFailure(err).Code != tc.code || a.Sent(to) != (tc.code == 0) {
				t.Errorf("%v, want %d; sent %t", err, tc.code, a.Sent(to))
			}
			want := "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n"
			if tc.code == 0 {
				want += "Subject: [...]\r\n\r\nline\r\n..dot\r\n.\r\n"
			}
			if got := <-heard; got != want {
				t.Errorf("the MTA heard %q", got)
			}
		})
	}
}

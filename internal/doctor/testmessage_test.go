package doctor

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
)

// TestGreetingOfSeveralLines has a greeting whose first line is the host's name alone.
func TestGreetingOfSeveralLines(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	heard := make(chan []string, 1)
	go func() {
		defer there.Close()
		in := bufio.NewScanner(there)
		var lines []string
		io.WriteString(there, "220-mx.example.org\r\n220 ready\r\n")
		for _, reply := range []string{"250 mx.example.org\r\n", "550 5.7.1 no\r\n"} {
			if !in.Scan() {
				break
			}
			lines = append(lines, in.Text())
			io.WriteString(there, reply)
		}
		heard <- lines
	}()
	if _, reply, err := sendTest(here, strings.Repeat("0", 32)); err != nil || reply.Code != 550 {
		t.Errorf("%v, %v", reply, err)
	}
	if got := strings.Join(<-heard, "|"); got != "EHLO localhost|MAIL FROM:<postmaster@mx.example.org>" {
		t.Errorf("it said %q", got)
	}
}

package gate

import (
	"testing"

	"sealmilter/internal/mail"
)

func TestWithoutFor(t *testing.T) {
	bob, err := mail.ParseAddr("bob@example.net")
	if err != nil {
		t.Fatal(err)
	}
	const way = " from a (b [192.0.2.1])\r\n\tby mx.example.org (Postfix) with ESMTPSA id 4Q"
	const date = "; Mon,  2 Mar 2026 10:00:00 +0100 (CET)"
	for received, want := range map[string]string{
		way + "\r\n\tfor <list@example.org>" + date: way + date,
		way + "\r\n\tfor <bob@example.net>" + date:  way + "\r\n\tfor <bob@example.net>" + date,
		way + "\r\n\tfor <Bob@EXAMPLE.net>" + date:  way + "\r\n\tfor <Bob@EXAMPLE.net>" + date,
		way + "\r\n\tfor <\"no address\">" + date:   way + date,
		way + date: way + date,
		"":         "",
		" (for <list@example.org> in a comment)" + date: " (for <list@example.org> in a comment)" + date,
	} {
		if got := withoutFor(received, []mail.Recipient{{Addr: bob}}); got != want {
			t.Errorf("%q has become\n%q, want\n%q", received, got, want)
		}
	}
}

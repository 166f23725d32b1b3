package scripted_test

import (
	"bytes"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"sealmilter/internal/lab/scripted"
)

// repeatedFields sends headers with any number of fields that must go and of fields that must stay, in any order.
func repeatedFields(t *testing.T, b *bench) {
	r := random(t)
	c := b.connect(t, trusted)
	names := []string{"Bcc", "BCC", "User-Agent", "X-Mailer", "Received", "X-Note", "x-note", "Comments"}
	for range 100 {
		l := b.write([]string{"bob@example.net", "erin@example.com"}[r.IntN(2)])
		header := l.header()
		for n := range r.IntN(12) {
			f := scripted.Field{Name: names[r.IntN(len(names))], Value: fmt.Sprintf(" hidden%d@example.com", n)}
			if r.IntN(3) == 0 {
				f.Value += ",\n\tfolded@example.com"
			}
			header = slices.Insert(header, r.IntN(len(header)+1), f)
		}
		envelope(t, c, l)
		m := contentInPieces(t, c, l, header, [][]byte{l.body()}, nil)
		keeps(t, m, l)
		outside, _, _ := bytes.Cut(m.Bytes(), []byte("\r\n\r\n"))
		for line := range strings.SplitSeq(string(outside), "\r\n") {
			name, _, _ := strings.Cut(line, ":")
			if slices.Contains([]string{"bcc", "user-agent", "x-mailer"}, strings.ToLower(name)) {
				t.Errorf("%s keeps %q of\n%+v", l.id, line, header)
			}
		}
	}
	said(t, c.Quit())
}

// missingFields sends a message without Message-ID and Date, as sendmail shows it. All copies must have the same.
func missingFields(t *testing.T, b *bench) {
	c := b.connect(t, trusted)
	l := b.write("erin@example.com", "quiet@example.com", "bob@example.net")
	header := slices.DeleteFunc(l.header(), func(f scripted.Field) bool { return f.Name == "Message-ID" || f.Name == "Date" })
	envelope(t, c, l)
	texts := [][]byte{contentInPieces(t, c, l, header, [][]byte{l.body()}, nil).Bytes()}
	for _, d := range b.copies(l) {
		texts = append(texts, d.Data)
	}
	if len(texts) != len(l.to) {
		t.Errorf("there are %d copies", len(texts))
	}
	for _, name := range []string{"Message-ID", "Date"} {
		values := map[string]bool{}
		for _, text := range texts {
			m, err := mail.ReadMessage(bytes.NewReader(text))
			said(t, err)
			values[m.Header.Get(name)] = true
		}
		if len(values) != 1 || values[""] {
			t.Errorf("the copies have %d values of %s: %v", len(values), name, values)
		}
	}
	said(t, c.Quit())
}

// modePass leaves messages as they are, but for the fields that would tell of others.
func modePass(t *testing.T, b *bench) {
	c := b.connect(t, trusted)
	for _, to := range [][]string{{"a@pass.example"}, {"a@pass.example", "b@pass.example"}} {
		l := b.write(to...)
		envelope(t, c, l)
		header := append(l.header(), scripted.Field{Name: "Bcc", Value: " b@pass.example"}, scripted.Field{Name: "Resent-Bcc", Value: " b@pass.example"})
		texts := [][]byte{contentInPieces(t, c, l, header, [][]byte{l.body()}, nil).Bytes()}
		for _, d := range b.copies(l) {
			texts = append(texts, d.Data)
		}
		if len(texts) != len(to) {
			t.Errorf("there are %d copies for %q", len(texts), to)
		}
		for _, text := range texts {
			if bytes.Contains(text, []byte("Bcc")) || !bytes.HasSuffix(text, append([]byte("\r\n\r\n"), l.body()...)) {
				t.Errorf("a message that was to pass has become\n%.2000s", text)
			}
		}
	}
	said(t, c.Quit())
}

// namedTwice names recipients several times, or almost: those who get a copy, and the one whose the message itself becomes.
func namedTwice(t *testing.T, b *bench) {
	c := b.connect(t, trusted)
	for _, to := range [][]string{
		{"erin@example.com", "bob@example.net", "bob@example.net"},
		{"bob@example.net", "erin@example.com", "bob@example.net", "erin@example.com"},
		{"bob@example.net", "bob@example.net", "bob@example.net"},
		{"bob@example.net", "BOB@example.net", "erin@example.com", "Erin@example.com"}, // four mailboxes
	} {
		l := b.write(to...)
		envelope(t, c, l)
		m := content(t, c, l)
		slices.SortFunc(m.Recipients, func(a, b scripted.Recipient) int { return strings.Compare(a.Path, b.Path) })
		m.Recipients = slices.CompactFunc(m.Recipients, func(a, b scripted.Recipient) bool { return a.Path == b.Path })
		keeps(t, m, l)
		got := append(b.keptCopies(t, l), trim(m.Recipients[0].Path))
		want := slices.Compact(slices.Sorted(slices.Values(to)))
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("a letter to %q went to %q", to, got)
		}
	}
	said(t, c.Quit())
}

// refusals quote what the client has said, and the rest of the message is not harmed.
func refusals(t *testing.T, b *bench) {
	c := b.connect(t, trusted)
	l := b.write("bob@example.net")
	said(t, c.Macros('M', "{auth_authen}", "alice"))
	wants(t, scripted.Continue)(c.Mail("<alice@example.org>"))
	wants(t, scripted.Continue)(c.Rcpt("<bob@example.net>"))
	for _, to := range []string{"100%sure@bank.example", "%s%n%d@bank.example", "%%@bank.example", `"odd \" name"@bank.example`} {
		a, err := c.Rcpt("<" + to + ">")
		wants(t, scripted.ReplyCode)(a, err)
		if !strings.HasPrefix(a.Reply, "550 5.7.1 ") || !strings.Contains(a.Reply, to) {
			t.Errorf("%s is refused with %q", to, a.Reply)
		}
	}
	for _, to := range []string{"<>", "<bob>@example.net>", "<" + strings.Repeat("x", 9000) + "@example.net>", "<bob@exa\tmple.net>"} {
		wants(t, scripted.ReplyCode)(c.Rcpt(to))
	}
	wants(t, scripted.Continue)(c.Data())
	keeps(t, content(t, c, l), l)
	said(t, c.Quit())
}

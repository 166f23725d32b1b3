package pgpmime_test

import (
	"bytes"
	"fmt"
	"maps"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-message"

	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

// field is a header field as a receiver compares it: unfolded.
type field struct{ name, value string }

// received is a message as a program reads it that knows header protection (RFC 9788, section 4.2.1).
type received struct {
	hp              string
	seen, protected []field
	told            []field // in HP-Outer
}

// receive reads an encrypted message by another parser.
func receive(t testing.TB, outside mail.Header, payload string) received {
	t.Helper()
	outer, err := message.Read(bytes.NewReader(append(outside.AppendTo(nil), "\r\n"...)))
	if err != nil {
		t.Fatal(err)
	}
	inner, err := message.Read(strings.NewReader(payload))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := inner.Header.ContentType()
	if err != nil {
		t.Fatal(err)
	}
	r := received{hp: params["hp"], seen: fieldsOf(outer.Header)}
	for _, f := range fieldsOf(inner.Header) {
		if f.name == "--" {
			continue // for Thunderbird
		}
		if !strings.EqualFold(f.name, "HP-Outer") {
			r.protected = append(r.protected, f)
			continue
		}
		name, value, found := strings.Cut(f.value, ":")
		if !found {
			t.Errorf("HP-Outer: %s", f.value)
		}
		r.told = append(r.told, field{strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)})
	}
	return r
}

// fieldsOf returns the fields that are not structural (RFC 9787, section 1.1.1).
func fieldsOf(h message.Header) []field {
	var all []field
	for fields := h.Fields(); fields.Next(); {
		name := strings.ToLower(fields.Key())
		if name != "mime-version" && !strings.HasPrefix(name, "content-") {
			all = append(all, field{name, strings.TrimSpace(fields.Value())})
		}
	}
	return all
}

// confidential is RFC 9788, section 4.3.1, for a message whose signature is good: a protected field that was not left
// outside as it is.
func (r received) confidential(f field) bool { return !slices.Contains(r.told, f) }

// TestReceiverSeesWhatIsConfidential has the algorithm of a receiver judge every field.
func TestReceiverSeesWhatIsConfidential(t *testing.T) {
	long := "Bob <bob@example.net>"
	for i := range 60 {
		long += fmt.Sprintf(",\n Recipient %d <recipient%d@example.net>", i, i)
	}
	text := "Received: from client by relay; Fri, 21 Jan 2022 20:40:48 -0500\nDate: Fri, 21 Jan 2022 20:40:48 -0500\n" +
		"From: Alice <alice@example.org>\nTo: " + long + "\nCc: carol@example.net\nReply-To: Alice <alice@example.org>\n" +
		"Subject: Dinner\n plans\nMessage-ID: <1@example.org>\nIn-Reply-To: <0@example.org>\nReferences: <a@example.org>\n <0@example.org>\n" +
		"Keywords: food\nComments: one\nComments: two\nX-A: " + strings.Repeat("long ", 300) + "end\nX-A:\nX-B: \xc3\xa4\n" +
		"Organization:  two  blanks\nContent-Type: text/plain\n\nText.\n"
	for _, tc := range []struct {
		name   string
		policy pgpmime.Confidentiality
		want   []string
	}{
		{"baseline", pgpmime.Baseline, []string{"comments", "keywords", "subject"}},
		{"shy", pgpmime.Shy, []string{"comments", "date", "from", "keywords", "reply-to", "subject", "to"}},
		{"none", pgpmime.NoConfidentiality, nil},
		{"unknown", 200, []string{"comments", "date", "from", "keywords", "reply-to", "subject", "to"}},
	} {
		for _, legacy := range []bool{false, true} {
			outside, payload := composeEncrypted(t, pgpmime.Composer{Confidentiality: tc.policy, LegacyDisplay: legacy}, parseMessage(text))
			r := receive(t, outside, payload)
			confidential := map[string]bool{}
			for _, f := range r.protected {
				if r.confidential(f) {
					confidential[f.name] = true
				}
			}
			if got := slices.Sorted(maps.Keys(confidential)); r.hp != "cipher" || !slices.Equal(got, tc.want) {
				t.Errorf("%s: hp is %q, confidential are %v, want %v", tc.name, r.hp, got, tc.want)
			}
			// Every field outside is told of as it is, and no other. Trace fields come and go (section 7).
			seen := slices.DeleteFunc(r.seen, func(f field) bool { return f.name == "received" })
			if !slices.Equal(seen, r.told) {
				t.Errorf("%s: outside are\n%q\ntold of are\n%q", tc.name, seen, r.told)
			}
			if len(r.protected) != 16 {
				t.Errorf("%s: %d protected fields", tc.name, len(r.protected))
			}
		}
	}
}

// TestSignedMessagesHideNothing checks that no policy concerns them (RFC 9788, section 2.2).
func TestSignedMessagesHideNothing(t *testing.T) {
	text := "From: Alice <alice@example.org>\nSubject: plans\nKeywords: k\n\nText.\n"
	for _, policy := range []pgpmime.Confidentiality{pgpmime.Baseline, pgpmime.Shy, pgpmime.NoConfidentiality} {
		var sealer stubSealer
		draft, err := (&pgpmime.Composer{Sealer: &sealer, Rand: zeros{}, Confidentiality: policy, LegacyDisplay: true}).Prepare(parseMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := draft.Sign(nil, false)
		if err != nil {
			t.Fatal(err)
		}
		r := receive(t, signed.Header, string(sealer.payload))
		if r.hp != "clear" || r.told != nil || !slices.Equal(r.seen, r.protected) || len(r.seen) != 3 || strings.Contains(string(sealer.payload), "legacy") {
			t.Errorf("policy %d: outside\n%s\npayload\n%s", policy, signed.Header.AppendTo(nil), sealer.payload)
		}
	}
}

// TestShyKeepsAddresses reads the lists outside and inside by the standard library's parser: the same mailboxes, no names
// (RFC 9788, sections 3.1, 3.1.1 and 3.2.2).
func TestShyKeepsAddresses(t *testing.T) {
	for _, tc := range []struct{ value, want string }{
		{`Secret <a@example.org>`, "a@example.org"},
		{`a@example.org (Secret)`, "a@example.org"},
		{`"Secret, S." <a@example.org>, =?utf-8?q?S=C3=A9cret?= <B@Example.NET>`, "a@example.org, B@Example.NET"},
		{`Secret: a@example.org, Secret <b@example.net>;`, "a@example.org, b@example.net"},
		{`Secret: a@example.org;, Secret:;`, "a@example.org"},
		{`Secret:;`, "undisclosed-recipients:;"},
		{`"Secret" <"a b\"c"@example.org>`, `"a b\"c"@example.org`},
		{`Sécret <a@bücher.example>`, "a@xn--bcher-kva.example"},
		{`Secret <ä@example.org>`, "ä@example.org"},
		{`Secret <a@[192.0.2.1]>`, "a@[192.0.2.1]"},
		{`=?x-unknown?q?Secret?= <a@example.org>`, "a@example.org"},
		{`Secret and no address`, ""},
		{`Secret <a@example.org`, ""},
	} {
		for _, name := range []string{"From", "To", "cc", "Sender", "Reply-To", "Mail-Followup-To"} {
			outside, payload := composeEncrypted(t, pgpmime.Composer{Confidentiality: pgpmime.Shy}, parseMessage(name+": "+tc.value+"\n\nText.\n"))
			got := outside.Get(name)
			want := tc.want
			if strings.EqualFold(name, "from") && !strings.Contains(want, "@") {
				want = tc.value // a message has to have one
			}
			if got != want || outside.Has(name) != (want != "") {
				t.Errorf("%s: %s is %q outside, not %q", name, tc.value, got, want)
			}
			header, _ := mail.SplitMessage([]byte(payload))
			before, err := netmail.ParseAddressList(header.Get(name))
			if err != nil || !strings.Contains(tc.want, "@") || strings.Contains(tc.want, "xn--") {
				continue
			}
			after, err := netmail.ParseAddressList(got)
			if err != nil || len(before) != len(after) {
				t.Errorf("%s: %s is %q outside: %v", name, tc.value, got, err)
				continue
			}
			for i := range after {
				if after[i].Name != "" || after[i].Address != before[i].Address {
					t.Errorf("%s: %s is %q outside", name, tc.value, got)
				}
			}
		}
	}
}

func TestShyDates(t *testing.T) {
	for _, tc := range []struct{ value, want string }{
		{"Fri, 21 Jan 2022 20:40:48 -0500", "Sat, 22 Jan 2022 01:40:48 +0000"},
		{"21 Jan 2022 20:40 -0500", "Sat, 22 Jan 2022 01:40:00 +0000"},
		{"Fri, 21 Jan 2022 20:40:48 PDT", "Sat, 22 Jan 2022 03:40:48 +0000"},
		{"Fri, 21 Jan 2022 20:40:48 GMT", "Fri, 21 Jan 2022 20:40:48 +0000"},
		{"Fri, 21 Jan 2022 20:40:48 +0100 (Secret Time)", "Fri, 21 Jan 2022 19:40:48 +0000"},
		{"Fri, 21 Jan 2022 20:40:48 +0000", "Fri, 21 Jan 2022 20:40:48 +0000"},
		{"yesterday", "yesterday"},
		{"(", "("},
		{"", ""},
	} {
		outside, _ := composeEncrypted(t, pgpmime.Composer{Confidentiality: pgpmime.Shy}, parseMessage("Date: "+tc.value+"\n\nText.\n"))
		if got := outside.Get("Date"); got != tc.want {
			t.Errorf("%s is %q outside, not %q", tc.value, got, tc.want)
		}
	}
}

package pgpmime_test

import (
	"fmt"
	"math/rand/v2"
	"mime"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

// protected returns a header field as it stands in the payload.
func protected(t *testing.T, f mail.Field) mail.Field {
	t.Helper()
	signed, _ := prepare(t, &mail.Message{Header: mail.Header{f}})
	if faults := canonicalFaults(signed); faults != nil {
		t.Fatalf("%q became\n%q\nwhich has %v", f, signed, faults)
	}
	header, _ := mail.SplitMessage([]byte(signed))
	fields := header.All(f.Name)
	if len(fields) != 1 {
		t.Fatalf("%q became\n%q", f, signed)
	}
	return fields[0]
}

// TestHeaderTextSurvives decodes random unstructured fields with a decoder that is not ours.
func TestHeaderTextSurvives(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := rand.New(rand.NewPCG(seed, 0))
	words := []string{"plain", "ä", "größer", "=?utf-8?Q?=C3=A4?=", "=?iso-8859-1?B?5A==?=", strings.Repeat("ü", 100),
		strings.Repeat("x", 950), strings.Repeat("漢", 400), "(ä)", "\"ä\"", "a@ä"}
	spaces := []string{" ", "  ", "\t", "\r\n ", "\r\n\t "}
	for range 2000 {
		value := " " + words[g.IntN(len(words))]
		for range g.IntN(12) {
			value += spaces[g.IntN(len(spaces))] + words[g.IntN(len(words))]
		}
		field := mail.Field{Name: "Subject", Value: value}
		got := protected(t, field)
		var d mime.WordDecoder
		for _, word := range strings.Fields(got.Value) {
			// Each has whole characters (RFC 2047, section 5).
			if text, err := d.Decode(word); err == nil && !utf8.ValidString(text) {
				t.Fatalf("%q became %q", field, got)
			}
		}
		before, err1 := d.DecodeHeader(field.Text())
		after, err2 := d.DecodeHeader(got.Text())
		if err1 != nil || err2 != nil || before != after {
			t.Fatalf("%q became %q:\n%q, %v\n%q, %v", field, got, before, err1, after, err2)
		}
	}
}

// TestHeaderAddressesSurvive parses random address lists with a parser that is not ours.
func TestHeaderAddressesSurvive(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := rand.New(rand.NewPCG(seed, 0))
	words := []string{"Jörg", "Bob", `"Müller, \"G\"."`, `"plain, quoted"`, "=?utf-8?Q?=C3=A4?=", strings.Repeat("ü", 60)}
	comments := []string{"", "", " (Büro (2. Stock))", " (plain)"}
	addrs := []string{"a@example.org", `"a b"@example.org`, "grün@example.org", `"grün x"@example.org`, "a@bücher.example"}
	choose := func(from []string) string { return from[g.IntN(len(from))] }
	for range 2000 {
		var list []string
		for range 1 + g.IntN(4) {
			var phrase []string
			for range g.IntN(4) {
				phrase = append(phrase, choose(words))
			}
			switch {
			case phrase == nil && g.IntN(2) == 0:
				list = append(list, choose(addrs)+choose(comments))
			default:
				list = append(list, strings.Join(phrase, " ")+" <"+choose(addrs)+">"+choose(comments))
			}
		}
		value := " " + strings.Join(list, choose([]string{",", ", ", ",\r\n\t"}))
		if g.IntN(4) == 0 {
			value = " Größe:" + value + ";"
		}
		field := mail.Field{Name: "To", Value: value}
		got := protected(t, field)
		before, err := netmail.ParseAddressList(field.Text())
		if err != nil {
			t.Fatalf("%q: %v", field, err)
		}
		after, err := netmail.ParseAddressList(got.Text())
		if err != nil {
			t.Fatalf("%q became %q: %v", field, got, err)
		}
		if fmt.Sprint(before) != fmt.Sprint(after) {
			t.Fatalf("%q became %q:\n%v\n%v", field, got, before, after)
		}
	}
}

// TestHeaderProtection compares the payload's fields with those outside, as a reader does (RFC 9788, section 4).
func TestHeaderProtection(t *testing.T) {
	long := strings.Repeat("very long ", 300)
	m := &mail.Message{Header: mail.Header{
		{Name: "From", Value: " A <a@example.org>"}, {Name: "SUBJECT", Value: " secret"}, {Name: "X-Long", Value: " " + long},
		{Name: "keywords", Value: " secret"}, {Name: "BCC", Value: " secret@example.org"}, {Name: "X-Empty", Value: " "},
		{Name: "Received", Value: "\tby a;  odd \r\n\tspacing"}, {Name: "X-Mailer", Value: " secret"},
		{Name: "X-Spamd-Result", Value: " secret@example.org"}, {Name: "X-Spam-Report", Value: " secret"},
		{Name: "X-Spam-Status", Value: " secret"}, {Name: "X-Spam-Flag", Value: " YES"},
	}, Body: []byte("secret\r\n")}
	var sealer stubSealer
	draft, err := composer(&sealer).Prepare(m)
	if err != nil {
		t.Fatal(err)
	}
	encrypted, err := draft.Encrypt(nil, make([]pgpmime.Reader, 1), crypto.EncryptOptions{})
	if err != nil {
		t.Fatal(err)
	}
	outside := encrypted[0].Header
	if strings.Contains(string(outside.AppendTo(nil)), "secret") {
		t.Errorf("outside is\n%s", outside.AppendTo(nil))
	}
	if got := outside.All("Received"); len(got) != 1 || got[0] != m.Header[6] {
		t.Errorf("the trace field has become %q", got)
	}
	inside, _ := mail.SplitMessage(sealer.payload)
	var told []string
	for _, f := range inside.All("HP-Outer") {
		told = append(told, f.Text())
	}
	var want []string
	for _, f := range outside.Without("Received", "MIME-Version", "Content-Type", "Content-Transfer-Encoding") {
		want = append(want, strings.TrimSpace(f.Name+": "+f.Text()))
	}
	if !slices.Equal(told, want) {
		t.Errorf("HP-Outer tells\n%q\nbut outside is\n%q", told, want)
	}
	for _, name := range []string{"From", "Subject", "X-Long", "Keywords", "X-Empty", "X-Spam-Status", "X-Spam-Flag"} {
		if inside.Get(name) != strings.TrimSpace(m.Header.Get(name)) {
			t.Errorf("%s is %q inside", name, inside.Get(name))
		}
	}
	if inside.Has("Bcc") || inside.Has("X-Spamd-Result") || inside.Has("X-Spam-Report") || inside.Has("X-Mailer") || inside.Has("Received") || inside.Has("MIME-Version") {
		t.Errorf("inside is\n%s", inside.AppendTo(nil))
	}
	typ, params, err := mime.ParseMediaType(inside.Get("Content-Type"))
	if err != nil || typ != "text/plain" || params["hp"] != "cipher" || params["protected-headers"] != "v1" {
		t.Errorf("the payload is %s %v, %v", typ, params, err)
	}
}

// TestEncodedWordsAreRepaired has encoded words with octets in them that should have been escaped. Encoded once more they
// would be shown as they stand.
func TestEncodedWordsAreRepaired(t *testing.T) {
	for _, tc := range []struct{ name, value, want string }{
		{"Subject", "=?iso-8859-1?Q?Fr\xf6sche_=FCberall?= heute", "=?iso-8859-1?Q?Fr=F6sche_=FCberall?= heute"},
		{"To", "=?utf-8?q?J\xc3\xbcrgen?= <j@example.org>", "=?utf-8?q?J=C3=BCrgen?= <j@example.org>"},
		{"Subject", "=?utf-8?B?\xc3\xa4?=", "=?utf-8?B?PT91dGYtOD9CP8OkPz0=?="}, // nobody can say what that means
		{"Subject", "=?\xe4?Q?a?=", "=?unknown-8bit?B?PT/kP1E/YT89?="},
	} {
		if got := protected(t, mail.Field{Name: tc.name, Value: " " + tc.value}); got.Text() != tc.want {
			t.Errorf("%s: %s became %s, want %s", tc.name, tc.value, got.Text(), tc.want)
		}
	}
}

// TestListsWithoutWhiteSpaceAreFolded has lists of which nothing is longer than a line but the whole.
func TestListsWithoutWhiteSpaceAreFolded(t *testing.T) {
	var addrs, ids []string
	for i := range 200 {
		addrs = append(addrs, fmt.Sprintf("person%d@department.example", i))
		ids = append(ids, fmt.Sprintf("<%d.abcdefghijklmnop@example.org>", i))
	}
	for _, tc := range []struct{ name, value, want string }{
		{"To", strings.Join(addrs, ","), strings.Join(addrs, ", ")},
		{"References", strings.Join(ids, ""), strings.Join(ids, " ")},
	} {
		if got := protected(t, mail.Field{Name: tc.name, Value: " " + tc.value}); got.Text() != tc.want {
			t.Errorf("%s: %s became %s", tc.name, tc.value, got.Text())
		}
	}
}

// TestControlCharactersInHeader has what no field may have. It ends no field, and begins none.
func TestControlCharactersInHeader(t *testing.T) {
	for _, tc := range []struct{ value, want string }{
		{"a\rBcc: b", "a Bcc: b"}, {"a\x00b", "ab"}, {"a\r", "a"}, {"\x00", ""}, {"a\r\n \r\r\n b", "a b"}, {"\r\xe4", "=?unknown-8bit?B?5A==?="},
	} {
		if got := protected(t, mail.Field{Name: "X-A", Value: " " + tc.value}); got.Text() != tc.want {
			t.Errorf("%q became %q, want %q", tc.value, got.Text(), tc.want)
		}
	}
}

// TestOddParameters has what breaks the grammar of parameters and has octets above 127. What readers could read they
// can read as well afterwards.
func TestOddParameters(t *testing.T) {
	for _, tc := range []struct{ value, want string }{
		{"text/pl\xe4in; charset=a", "=?unknown-8bit?B?dGV4dC9wbORpbg==?=; charset=a"},
		{"text/html \xe4=\"a;b\xe4\"; charset=a", "text/html =?unknown-8bit?B?5D0iYTti5CI=?=; charset=a"},
		{"text/plain; \xe4=\"a;b \xe4\"; charset=a", "text/plain; =?unknown-8bit?B?5D0iYTtiIOQi?=; charset=a"},
		{"text/plain; name*=utf-8''a b\xc3\xa4%20c", "text/plain; name*=utf-8''a%20b%C3%A4%20c"},
		{`text/plain; name*0="a 100% \xc3\xa4"; name*1=b`, `text/plain; name*0*=utf-8''a%20100%25%20%C3%A4; name*1=b`},
		{`text/plain; name*0=a; name*1="100% \xc3\xa4"`, `text/plain; name*0=a; name*1*=100%25%20%C3%A4`},
		{"text/plain; \xc3\xa4.txt; charset=a", "text/plain; =?utf-8?B?w6QudHh0?=; charset=a"},
		{"text/plain; gr\xc3\xbcn=a", "text/plain; =?utf-8?B?Z3LDvG49YQ==?="},
	} {
		value := strings.ReplaceAll(tc.value, `\xc3\xa4`, "\xc3\xa4")
		m := parseMessage("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: " + value + "\n\na\n--b--\n")
		signed, _ := prepare(t, m)
		if faults := canonicalFaults(signed); faults != nil {
			t.Errorf("%q became\n%q\nwhich has %v", tc.value, signed, faults)
		}
		_, part, _ := strings.Cut(signed, "\r\n--b\r\n")
		header, _ := mail.SplitMessage([]byte(part))
		if got := strings.ReplaceAll(header.Get("Content-Type"), "\r\n", ""); got != tc.want {
			t.Errorf("%q became %q, want %q", tc.value, got, tc.want)
		}
	}
	m := parseMessage("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-ID: <\xe4@example.org>\n\na\n--b--\n")
	if signed, _ := prepare(t, m); !strings.Contains(signed, "\r\nContent-ID: =?unknown-8bit?B?PORAZXhhbXBsZS5vcmc+?=\r\n") {
		t.Errorf("the Content-ID is lost in\n%q", signed)
	}
}

// TestLongURLsAreFolded has fields that may hold a URL of any length. White space in it is not part of it.
func TestLongURLsAreFolded(t *testing.T) {
	url := "https://example.org/" + strings.Repeat("a@b/c?d=e&", 250)
	for _, tc := range []struct{ text, want string }{
		{"List-Unsubscribe: <" + url + ">, <mailto:a@example.org>\n\nbody\n", "List-Unsubscribe:<" + url + ">,<mailto:a@example.org>"},
		{"Content-Location: " + url + "\n\nbody\n", "Content-Location:" + url},
		{"Content-Type: multipart/related; boundary=b\n\n--b\nContent-Location: " + url + "\n\nbody\n--b--\n", "Content-Location:" + url},
	} {
		signed, _ := prepare(t, parseMessage("From: a@example.org\n"+tc.text))
		if faults := canonicalFaults(signed); faults != nil {
			t.Errorf("%q: the payload has %v", tc.text, faults)
		}
		if !strings.Contains(strings.NewReplacer(" ", "", "\r\n", "").Replace(signed), tc.want) {
			t.Errorf("%q became\n%s", tc.text, signed)
		}
	}
}

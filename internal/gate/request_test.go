package gate

import (
	"mime"
	"strings"
	"testing"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

var requests = config.Request{Header: "X-Sealmilter", Subject: map[string]config.Mode{
	"[encrypt]": config.Require, "[sign]": config.Sign, "[plain]": config.Pass, "send it sealed": config.Require}}

func header(text string) mail.Header {
	h, _ := mail.SplitMessage([]byte(text + "\n\n"))
	return h
}

// TestTakeRequest has the header of each message, what it asks for, and what is left of it.
func TestTakeRequest(t *testing.T) {
	for _, tc := range []struct {
		name, header string
		asked        config.Mode
		rest         string
	}{
		{"nothing", "Subject: hello", "", "Subject: hello"},
		{"a field", "X-Sealmilter: require\nSubject: hello", config.Require, "Subject: hello"},
		{"in capitals and with blanks", "x-SEALMILTER:   Pass  \nSubject: hello", config.Pass, "Subject: hello"},
		{"folded", "X-Sealmilter:\n\tsign\nSubject: hello", config.Sign, "Subject: hello"},
		{"in front", "Subject: [encrypt] hello", config.Require, "Subject: hello"},
		{"behind", "Subject: hello [Encrypt]", config.Require, "Subject: hello"},
		{"within", "Subject: Re: [ENCRYPT] hello", config.Require, "Subject: Re: hello"},
		{"without blanks", "Subject: a[encrypt]b", config.Require, "Subject: ab"},
		{"without a blank behind", "Subject: a [encrypt]b", config.Require, "Subject: a b"},
		{"without a blank behind the colon", "Subject:[encrypt]hello", config.Require, "Subject:hello"},
		{"twice", "Subject: [encrypt] Re: [encrypt]  hello [encrypt]", config.Require, "Subject: Re: hello"},
		{"nothing else", "Subject: [encrypt]", config.Require, "Subject:"},
		{"nothing else, folded", "Subject:\n [encrypt]\n [encrypt] ", config.Require, "Subject:"},
		{"two kinds", "Subject: [sign] [encrypt] hello", config.Require, "Subject: hello"},
		{"field and Subject", "Subject: [encrypt] hello\nX-Sealmilter: pass", config.Require, "Subject: hello"},
		{"Subject and stricter field", "Subject: [plain] hello\nX-Sealmilter: prefer", config.Prefer, "Subject: hello"},
		{"other blanks stay", "Subject: a  b\t[encrypt]\tc  d", config.Require, "Subject: a  b\tc  d"},
		{"folded lines stay", "Subject: a\n b\n [encrypt]\n c", config.Require, "Subject: a\r\n b\r\n c"},
		{"a tag across lines", "Subject: please send\n\t it  Sealed today", config.Require, "Subject: please today"},
		{"one in another", "Subject: [enc[sign]rypt] hello", config.Require, "Subject: hello"},
		{"raw octets stay", "Subject: gr\xfcn [encrypt] \xff", config.Require, "Subject: gr\xfcn \xff"},

		{"an encoded word elsewhere", "Subject: [encrypt] =?utf-8?q?Gr=C3=B6=C3=9Fe?= x", config.Require, "Subject: =?utf-8?q?Gr=C3=B6=C3=9Fe?= x"},
		{"encoded", "Subject: =?utf-8?q?[encrypt]_Gr=C3=B6=C3=9Fe?=", config.Require, "Subject: =?utf-8?B?R3LDtsOfZQ==?="},
		{"encoded in base64", "Subject: Re: =?UTF-8?B?W2VuY3J5cHRdIEdyw7bDn2U=?= x", config.Require, "Subject: Re: =?utf-8?B?R3LDtsOfZQ==?= x"},
		{"split", "Subject: =?utf-8?q?=5Benc?= =?utf-8?q?rypt=5D_Gr=C3=B6=C3=9Fe?=", config.Require, "Subject: =?utf-8?B?R3LDtsOfZQ==?="},
		{"split between encodings", "Subject: =?utf-8?q?Gr=C3=B6=C3=9Fe_[en?=\n =?utf-8?B?Y3J5cHRd?=", config.Require, "Subject: =?utf-8?B?R3LDtsOfZQ==?="},
		{"split between charsets", "Subject: =?iso-8859-1?q?Gr=F6=DFe_[en?= =?utf-8?q?crypt]_=C3=A4?=", config.Require,
			"Subject: =?utf-8?B?R3LDtsOfZSA=?= =?utf-8?B?w6Q=?="},
		{"a split character", "Subject: =?utf-8?q?[encrypt]_Gr=C3?= =?utf-8?q?=B6=C3=9Fe?=", config.Require, "Subject: =?utf-8?B?R3LDtsOfZQ==?="},
		{"wholly encoded", "Subject: Re: =?utf-8?q?[encrypt]?= hello", config.Require, "Subject: Re: hello"},
		{"another encoded run", "Subject: =?utf-8?q?=C3=A4?= x =?utf-8?q?[encrypt]_=C3=B6?=", config.Require, "Subject: =?utf-8?q?=C3=A4?= x =?utf-8?B?w7Y=?="},
		{"between encoded words", "Subject: =?utf-8?q?=C3=A4?= [encrypt] =?utf-8?q?=C3=B6?=", config.Require, "Subject: =?utf-8?q?=C3=A4?= =?utf-8?B?IMO2?="},
		{"iso-2022-jp", "Subject: =?ISO-2022-JP?B?W2VuY3J5cHRdIBskQkZ8S1wbKEI=?=", config.Require, "Subject: =?utf-8?B?5pel5pys?="},
		{"encoded with blanks in it", "Subject: =?utf-8?B?W2VuY3J5 cHRdIGhp?=", config.Require, "Subject: =?utf-8?B?aGk=?="},
		{"with a NUL in it", "Subject: [enc\x00rypt] hello", config.Require, "Subject: hello"},
		{"a NUL and no request", "Subject: hel\x00lo", "", "Subject: hel\x00lo"},
		{"a letter that ends like the tag begins", "Subject: =?shift_jis?q?=83[encrypt]_=83A?=", "", "Subject: =?shift_jis?q?=83[encrypt]_=83A?="},
		{"a charset that nobody knows", "Subject: =?x-own?q?=F6[encrypt]_=E4?=", config.Require, "Subject: =?x-own?B?9iDk?="},
		{"a language", "Subject: =?utf-8*de?q?[encrypt]_=C3=B6?=", config.Require, "Subject: =?utf-8?B?w7Y=?="},
		{"no white space around", "Subject: a=?utf-8?q?[encrypt]?=b", config.Require, "Subject: ab"},
		{"a word that is none", "Subject: =?utf-8?b?[encrypt]?= x", config.Require, "Subject: =?utf-8?b??= x"},
		{"a word that is cut in two", "Subject: =?utf-8[encrypt]?q?=5Bencrypt=5D?= x", config.Require, "Subject: x"},
		{"a word that becomes one", "Subject: =?utf-8?[sign]q?hello?= x", config.Sign, "Subject: =?utf-8?q?hello?= x"},

		{"Thread-Topic", "Subject: [encrypt] hello\nThread-Topic: [encrypt] hello", config.Require, "Subject: hello\nThread-Topic: hello"},
		{"Thread-Topic does not ask", "Subject: hello\nThread-Topic: [encrypt] hello", "", "Subject: hello\nThread-Topic: hello"},
		{"two Subjects", "Subject: [sign] hello\nSubject: [encrypt] hello", config.Require, "Subject: hello\nSubject: hello"},
		{"another field", "Comments: [encrypt] hello", "", "Comments: [encrypt] hello"},
	} {
		given := header(tc.header)
		before := string(given.AppendTo(nil))
		asked, rest, err := takeRequest(requests, given)
		if err != nil || asked != tc.asked || string(rest.AppendTo(nil)) != string(header(tc.rest).AppendTo(nil)) {
			t.Errorf("%s: %v, asks for %q, leaves %q, want %q and %q", tc.name, err, asked, rest.AppendTo(nil), tc.asked, header(tc.rest).AppendTo(nil))
		}
		if string(given.AppendTo(nil)) != before {
			t.Errorf("%s: the header that was given has changed", tc.name)
		}
	}
}

// TestUnreadableRequestIsRefused has a sentence for who writes what cannot be understood.
func TestUnreadableRequestIsRefused(t *testing.T) {
	for _, text := range []string{
		"X-Sealmilter: encrypted", "X-Sealmilter:", "X-Sealmilter: require, prefer", "X-Sealmilter: require (please)",
		"X-Sealmilter: require\nX-Sealmilter: require", "X-Sealmilter: require\nX-Sealmilter: junk", "X-Sealmilter: junk\nx-sealmilter: pass",
		"Subject: " + strings.Repeat("[enc", 20) + strings.Repeat("rypt]", 20),
	} {
		_, rest, err := takeRequest(requests, header(text))
		if failure := mail.AsFailure(err); err == nil || rest != nil || failure.Code != 550 || strings.Contains(failure.Text, "junk") {
			t.Errorf("%q: %v, %v", text, rest, err)
		}
	}
}

// TestNoRequestsAreConfigured leaves everything as it is.
func TestNoRequestsAreConfigured(t *testing.T) {
	given := header("X-Sealmilter: junk\nSubject: [encrypt] hello")
	asked, rest, err := takeRequest(config.Request{}, given)
	if err != nil || asked != "" || len(rest) != 2 || string(rest.AppendTo(nil)) != string(given.AppendTo(nil)) {
		t.Errorf("%v, %q, %q", err, asked, rest.AppendTo(nil))
	}
}

// FuzzTakeRequest: nothing of a request is left, what is left can stand in a header, and a Subject without one is not
// touched.
func FuzzTakeRequest(f *testing.F) {
	for _, seed := range []string{" [encrypt] hello", " =?utf-8?q?[enc?= =?iso-8859-1?b?cnlwdF0=?= x", " a\r\n [encrypt]\r\n =?x?q?[sign]?=",
		"=?utf-8?q?=C3=A4?= [encrypt] =?utf-8?q?=C3=B6?=", " [enc[sign]rypt]", " =?gb18030?b?W2VuY3J5cHRd?= send \tit sealed"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		h, _ := mail.SplitMessage([]byte("Subject:" + value + "\r\n\r\n"))
		if len(h) != 1 {
			return
		}
		asked, rest, err := takeRequest(requests, h)
		if err != nil {
			return
		}
		if len(rest) != 1 {
			t.Fatalf("%q", rest)
		}
		got := rest[0].Value
		if asked == "" && got != h[0].Value {
			t.Errorf("%q became %q without a request", h[0].Value, got)
		}
		decoded, err := new(mime.WordDecoder).DecodeHeader(got)
		if err != nil {
			decoded = got
		}
		for tag := range requests.Subject {
			if strings.Contains(strings.ToLower(decoded), tag) && asked != "" {
				t.Errorf("%q is left in %q, of %q", tag, decoded, h[0].Value)
			}
		}
		if again, _, err := takeRequest(requests, rest); err != nil || again != "" {
			t.Errorf("%q still asks for %q (%v)", got, again, err)
		}
		for i, line := range strings.Split(got, "\r\n") {
			if asked != "" && i > 0 && (line == "" || line[0] != ' ' && line[0] != '\t') {
				t.Errorf("%q cannot stand in a header, from %q", got, h[0].Value)
			}
		}
	})
}

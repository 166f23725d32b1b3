package mail_test

import (
	"strings"
	"testing"

	"sealmilter/internal/mail"
)

// pathEnd returns where a path that begins with "<" ends, as an SMTP server finds it (RFC 5321, section 4.1.2), and the
// local part without its quoting. It is -1 if there is anything in between that a command cannot have there.
func pathEnd(s string) (end int, local string) {
	var b strings.Builder
	quoted, escaped, inDomain := false, false, false
	for i := 1; i < len(s); i++ {
		c := s[i]
		switch {
		case c < ' ' || c == 0x7f:
			return -1, ""
		case escaped:
			escaped = false
			b.WriteByte(c)
		case quoted && c == '\\':
			escaped = true
		case c == '"' && !inDomain:
			quoted = !quoted
		case quoted:
			b.WriteByte(c)
		case c == '>':
			return i, b.String()
		case c == ' ' || c == '<' || c == '\\' || c == ',' || c == ';' || c == '"':
			return -1, ""
		case c == '@':
			if inDomain {
				return -1, ""
			}
			inDomain = true
		case !inDomain:
			b.WriteByte(c)
		}
	}
	return -1, ""
}

// FuzzParsePath holds the parser to its promises: what it accepts is one path on an SMTP line and ends where it should,
// its local part is what a server reads, and the key is itself an address with the same key.
func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"<a@b.example>", `<"a b"@[192.0.2.1]>`, "<@x:a@b>", "root", "<>", `"\""@x`, "ä@ö", `<"a>b"@c>`, `<"a\>"@c>`,
		"<a@b> SIZE=1", "<a@b>\r\nRSET", "<@a,@b:c@[IPv6:::1]>", `<"a"@b,c>`, "a@XN--BCHER-KVA.example", "a@b\u3002example", "A@B。C"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := mail.ParsePath(s)
		if err != nil {
			if !a.IsNull() {
				t.Fatalf("%q is refused, and read as %q", s, a)
			}
			return
		}
		if a.IsNull() {
			if s != "" && s != "<>" {
				t.Fatalf("%q is read as the null path", s)
			}
			return
		}
		command := "<" + a.String() + ">"
		end, local := pathEnd(command)
		if end != len(command)-1 {
			t.Fatalf("%q is accepted, and on an SMTP line %q ends at %d", s, command, end)
		}
		if local != a.Local() {
			t.Fatalf("%q has the local part %q, a server reads %q", s, a.Local(), local)
		}
		if whole, err := mail.ParsePath(command); err != nil || whole != a {
			t.Fatalf("%q is read as %q, and that as %q, %v", s, a, whole, err)
		}
		if len(a.String()) > 254 || len(a.Local()) > 64 || len(a.Domain()) > 255 {
			t.Fatalf("%q is longer than an address can be", s)
		}
		if d := a.Domain(); d != strings.ToLower(d) && !a.IsLiteral() || strings.ContainsFunc(d, func(r rune) bool { return r <= ' ' || r > '~' || r == '@' }) {
			t.Fatalf("%q has the domain %q", s, d)
		}
		again, err := mail.ParsePath(a.Key())
		if err != nil || again.Key() != a.Key() || again.Domain() != a.Domain() {
			t.Fatalf("%q: the key %q is read as %q, %v", s, a.Key(), again.Key(), err)
		}
		if moved, err := a.At("example.org"); err != nil || moved.Local() != a.Local() || moved.Domain() != "example.org" {
			if len(a.Key()) < 200 {
				t.Fatalf("%q at another domain is %q, %v", s, moved, err)
			}
		}
	})
}

// spellings are those of a local part that an MTA takes for the same: bare where that is allowed, in quotes, and with
// more quoted pairs than are needed.
func spellings(local string) []string {
	minimal, most := `"`, `"`
	for i := range len(local) {
		c := local[i : i+1]
		if c == `"` || c == `\` {
			minimal += `\`
		}
		minimal += c
		if c[0] < 0x80 {
			most += `\`
		}
		most += c
	}
	return []string{local, minimal + `"`, most + `"`}
}

// FuzzSpellings compares two mailboxes in all their spellings: they have one key if, and only if, the MTA takes them for
// one mailbox or they differ in the case of ASCII letters alone.
func FuzzSpellings(f *testing.F) {
	f.Add("alice", "Alice", "example.org", "EXAMPLE.org")
	f.Add("a b", "ab", "example.org", "example.org")
	f.Add(`a"b`, `a\b`, "b\u00fccher.example", "xn--bcher-kva.example")
	f.Add("a@b", "a", "[192.0.2.1]", "[IPv6:::1]")
	f.Add("\u00e4", "\u00c4", "x", "x")
	f.Add("a+b", "a", "x.example", "y.example")
	f.Fuzz(func(t *testing.T, local1, local2, domain1, domain2 string) {
		keys1, domain1 := keysOf(t, local1, domain1)
		keys2, domain2 := keysOf(t, local2, domain2)
		for key := range keys1 {
			same := domain1 == domain2 && lower(local1) == lower(local2)
			if len(keys2) > 0 && keys2[key] != same {
				t.Errorf("%q at %q and %q at %q: the keys are %v and %v", local1, domain1, local2, domain2, keys1, keys2)
			}
		}
	})
}

// keysOf returns the keys of a mailbox in all its spellings, of which there is one, and the domain's form in it.
func keysOf(t *testing.T, local, domain string) (keys map[string]bool, canonical string) {
	t.Helper()
	keys = map[string]bool{}
	for i, spelling := range spellings(local) {
		a, err := mail.ParseAddr(spelling + "@" + domain)
		if err != nil {
			continue
		}
		if i == 0 && (a.Local() != local || strings.HasPrefix(local, `"`)) {
			continue // it is a spelling of another mailbox
		}
		if a.Local() != local {
			t.Errorf("%q has the local part %q, not %q", a, a.Local(), local)
		}
		keys[a.Key()], canonical = true, a.Domain()
	}
	if len(keys) > 1 {
		t.Errorf("%q at %q has the keys %v", local, domain, keys)
	}
	return keys, canonical
}

// lower is for ASCII letters alone.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 {
			return []rune(strings.ToLower(string(r)))[0]
		}
		return r
	}, s)
}

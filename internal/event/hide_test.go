package event_test

import (
	"strings"
	"testing"

	"sealmilter/internal/event"
)

var secret = []byte("0123456789abcdef0123456789abcdef")

func TestOneTokenForEachPerson(t *testing.T) {
	h := event.NewHider(secret, false)
	alice := h.Person("alice@example.org")
	if len(alice) != 13 || alice[0] != '~' {
		t.Errorf("token %q", alice)
	}
	for _, same := range []string{"Alice@Example.ORG", "<alice@example.org>", `"alice"@example.org`} {
		if got := h.Person(same); got != alice {
			t.Errorf("%s: %s, want %s", same, got, alice)
		}
	}
	for _, other := range []string{"alice", "alice@example.net", "bob@example.org"} {
		if h.Person(other) == alice {
			t.Errorf("%s has the token of another", other)
		}
	}
	if event.NewHider([]byte("another"), false).Person("alice@example.org") == alice {
		t.Error("the secret does not count")
	}
	if got := event.NewHider(secret, true).Person("alice@example.org"); got != alice+"@example.org" {
		t.Errorf("with its domain: %s", got)
	}
	if got := h.Person(""); got != "" {
		t.Errorf("nobody is %q", got)
	}
}

func TestHiddenText(t *testing.T) {
	h := event.NewHider(secret, false)
	alice, fpr := h.Person("alice@example.org"), "3CDDC802678CDA300C23F7537852476C42B4361D"
	for text, want := range map[string]string{
		"no key of alice@example.org.":                                 "no key of " + alice + ".",
		"550 5.1.1 <Alice@Example.org>: User unknown":                  "550 5.1.1 <" + alice + ">: User unknown",
		`says "alice@example.org", twice alice@example.org`:            `says "` + alice + `", twice ` + alice,
		`"\"alice\"@example.org"`:                                      `"` + alice + `"`,
		"search=alice%40example.org":                                   h.Person("search=alice@example.org"),
		"open /var/lib/x/alice@example.org.asc: no such file":          "open /var/lib/x/" + h.Person("alice@example.org.asc") + ": no such file",
		"https://example.org/.well-known/openpgpkey/hu/iy9q?l=alice":   "https://example.org/...",
		"postgres://u:p@db.example/x: refused":                         "postgres://db.example/... refused",
		"https://keys.example.org: time-out":                           "https://keys.example.org: time-out",
		"key " + fpr + " from wkd":                                     "key " + h.Fingerprint(fpr) + " from wkd",
		strings.Repeat("0a", 28) + "._openpgpkey.example.org: no":      "~..._openpgpkey.example.org: no",
		"key 0x" + fpr + ", 0X" + fpr[24:] + ".":                       "key " + h.Fingerprint(fpr) + ", " + h.Fingerprint(fpr[24:]) + ".",
		strings.Repeat("0A", 28) + "._OPENPGPKEY.example.org: no":      "~..._OPENPGPKEY.example.org: no",
		strings.Repeat("0a", 28) + "._smimecert.example.org: no":       "~..._smimecert.example.org: no",
		"key " + strings.ToLower(fpr[24:]) + " or 0x" + fpr[32:] + ".": "key " + h.Fingerprint(fpr[24:]) + " or " + h.Fingerprint(fpr[32:]) + ".",
		"no key of o'brien@example.org, 'alice@example.org'":           "no key of " + h.Person("o'brien@example.org") + ", '" + alice + "'",
		"hu/" + "iy9q119eutrkn8s1mk4r39qejnbu3n5q":                     "hu/~...",
		"(uid=alice.smith) or uid=alice.smith,ou=people":               "(uid=~...) or uid=~...,ou=people",
		"The login alice may not":                                      "The login " + h.Person("alice") + " may not",
		"alices malice ALICE":                                          "alices malice " + h.Person("alice"),
		"dial tcp 127.0.0.1:10026: connect: connection refused":        "dial tcp 127.0.0.1:10026: connect: connection refused",
		"literal user@[192.0.2.1] here":                                "literal " + h.Person("user@[192.0.2.1]") + " here",
		"bounces+bob=example.net@lists.example.org gone":               h.Person("bounces+bob=example.net@lists.example.org") + " gone",
		"дима@пример.рф":                                               h.Person("дима@пример.рф"),
	} {
		if got := h.Text(text, "alice"); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
	// The local part alone is known from the address, longer names before those within.
	if got := h.Text("user alice-x and alice", "alice@example.org", "alice-x"); strings.Contains(got, "alice") {
		t.Error(got)
	}
}

func FuzzNothingOfAnAddressIsLeft(f *testing.F) {
	f.Add("no key of ", ": x")
	f.Add("<", ">")
	f.Add("https://h/?l=", "&x")
	f.Add("/a/", ".asc")
	f.Add("\"", "\"@")
	h := event.NewHider(secret, false)
	f.Fuzz(func(t *testing.T, before, after string) {
		const address = "qqqzzzjjj@qzqzq.example"
		if got := h.Text(before+address+after, address); strings.Contains(strings.ToLower(got), address) {
			t.Errorf("%q", got)
		}
		// Also where nobody knows who is in the event.
		if got := h.Text(before + address + after); strings.Contains(got, address) {
			t.Errorf("%q", got)
		}
	})
}

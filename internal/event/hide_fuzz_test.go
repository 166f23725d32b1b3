package event_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"sealmilter/internal/event"
	"sealmilter/internal/mail"
)

// zBase32 is that of Web Key Directories.
var zBase32 = base32.NewEncoding("ybndrfg8ejkmcpqxot1uwisza345h769").WithPadding(base32.NoPadding)

// randomLocals are how many a test makes up.
const randomLocals = 100

// inURL replaces what URLs never have in them.
var inURL = strings.NewReplacer(" ", "%20", `"`, "%22", "<", "%3C", ">", "%3E")

// texts are how programs write of an address in errors, each with what stands there in its place if it is hidden.
func texts(local, address string) []string {
	digest, lower := sha256.Sum256([]byte(local)), strings.ToLower(local)
	webKey := sha1.Sum([]byte(lower))
	asJSON, err := json.Marshal(address)
	if err != nil {
		panic(err)
	}
	return []string{
		"no key of " + address,
		"<" + address + ">: 0 9",
		"550 5.1.1 <" + strings.ToUpper(address) + ">: 0 9",
		fmt.Sprintf("%v: %q", 9, address),
		fmt.Sprintf("%q", fmt.Sprintf("0 %q 9", address)),
		"'" + address + "'",
		"0 '" + strings.ReplaceAll(address, "'", `'\''`) + "' 9",
		"x=" + address + "; 9",
		"(" + address + ")",
		address + "," + address,
		"0 " + string(asJSON) + " 9",
		"https://0.9/.well-known/0/hu/9?l=" + url.QueryEscape(local),
		"Get \"https://0.9/9?l=" + inURL.Replace(local) + "\": 9",
		"/pks/lookup?op=get&search=" + url.QueryEscape(address) + "&0",
		"https://0.9/pks/lookup/" + url.PathEscape(address),
		"0 " + url.QueryEscape(address) + ": 9",
		"0 " + url.QueryEscape(url.QueryEscape(address)) + ": 9",
		"ldap://0.9/0??9?(0=" + inURL.Replace(ldap.EscapeFilter(address)) + ")",
		"(&(9=0)(uid=" + ldap.EscapeFilter(strings.ReplaceAll(local, `"`, "")) + "))",
		"(mail=" + ldap.EscapeFilter(address) + ")",
		"0 uid=" + ldap.EscapeDN(strings.NewReplacer(`"`, "", "@", "", "%", "").Replace(local)) + ",ou=9: 0",
		hex.EncodeToString(digest[:28]) + "._openpgpkey.9",
		hex.EncodeToString(digest[:28]),
		"/.well-known/openpgpkey/0.9/hu/" + zBase32.EncodeToString(webKey[:]),
		fmt.Sprintf("%v: %q: 9", mail.ErrAddr, address[:min(len(address), 80)]+"..."),
		"open /var/lib/0/" + strings.ReplaceAll(address, "/", "") + ".9: 0",
		"panic: " + address + " 9",
		"\"" + address + "\" 0 " + address,
		strings.Repeat("0@9 ", 3) + address + strings.Repeat(" 0@9", 3),
	}
}

// ofPeople are texts with the local part alone, which is known to be somebody's.
func ofPeople(local, address string) []string {
	return []string{
		"User unknown: " + local,
		"<" + local + ">: 9",
		"0 " + strconv.Quote(local) + " 9",
		"0/" + url.PathEscape(local) + "/9",
		"0 " + ldap.EscapeFilter(local),
	}
}

// left returns what of a local part stands in a line, "" for nothing of 4 octets or more. What stands there without it
// does not count.
func left(line, local, without string) string {
	line, local, without = strings.ToLower(line), strings.ToLower(local), strings.ToLower(without)
	for i := 0; i+4 <= len(local); i++ {
		if part := local[i : i+4]; strings.Contains(line, part) && !strings.Contains(without, part) {
			return part
		}
	}
	return ""
}

func FuzzNothingOfALocalPartIsLeft(f *testing.F) {
	for _, local := range []string{"alice.smith", "o'brien", "'quoted'", "a b c d e f", `back\slash\end\`, `q"uo"ted`, "@t@t@t@t", "дмитрий", "用户名用户名", "we are, (here); <you>",
		"/G=John/S=Smith/", "x=y&z=w?q", "100%sure%40home", "user+tag", "~abcdefghijkl", "uid=jones", "http://secret", "jos\u00e9.garc\u00eda", "\u202eevil\u202c", "0123456789abcdef",
		"{braces|pipes}", "`back`ticks`", "$(id)", "-leading", "#hash#hash", "...dots...", "'''''", `\\\\\\\\`, `""""""""`, "a@b.example c", "tab\u00a0nbsp"} {
		f.Add(local)
	}
	f.Fuzz(nothingIsLeft)
}

// TestNothingOfRandomLocalPartsIsLeft makes them of what local parts have in them and texts around them, too.
func TestNothingOfRandomLocalPartsIsLeft(t *testing.T) {
	signs := strings.Split(`a B c1 x . ' " \ % %40 %22 @ / : ; , < > ( ) [ ] = & ? + - _ ~ # $ ! * ^ | { } ü ж 名 \" \\ :// uid= 'a 0x 2a`, " ")
	signs = append(signs, " ", "\u00a0", "\u202e", "\u200d")
	random := rand.New(rand.NewPCG(1, 2))
	for range randomLocals {
		var local strings.Builder
		for range 1 + random.IntN(12) {
			local.WriteString(signs[random.IntN(len(signs))])
		}
		nothingIsLeft(t, local.String())
	}
}

// nothingIsLeft hides an address with a local part that is to be quoted if need be.
func nothingIsLeft(t *testing.T, local string) {
	hiders := []*event.Hider{event.NewHider(secret, false), event.NewHider(secret, true)}
	const domain = "@d9.example"
	a, err := mail.ParseAddr(local + domain)
	if err != nil {
		a, err = mail.ParseAddr(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"` + domain)
	}
	if err != nil || !utf8.ValidString(local) {
		return
	}
	local, address := a.Local(), a.String()
	for _, h := range hiders {
		without := strings.Join(texts("", domain), "\n") + h.Person(address) + h.Text(address) + "uid=~... mail=~... 0=~... l=~... search=~..."
		for _, text := range texts(local, address) {
			if part := left(h.Text(text), local, without); part != "" {
				t.Errorf("%q of %q is left of %s\nin %s", part, local, text, h.Text(text))
			}
		}
		without += strings.Join(ofPeople("", ""), "\n")
		for _, text := range append(texts(local, address), ofPeople(local, address)...) {
			var line bytes.Buffer
			log := event.NewLogger(&line, event.Options{Hide: h})
			event.LookupPanicked.Log(log, event.To(a), event.Err(errors.New(text)), slog.String("why", text))
			if part := left(line.String(), local, without+"time= level= msg=key lookup failed lookup.panicked"); part != "" {
				t.Errorf("%q of %q is left of %s\nin %s", part, local, text, &line)
			}
		}
	}
}

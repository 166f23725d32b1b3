package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"sealmilter/internal/mail"
)

// What the values are, with an example of each.
const (
	wantListen    = `an address such as "inet:127.0.0.1:8894" or "unix:/run/sealmilter/milter.sock"`
	wantHostPort  = `an address such as "127.0.0.1:10026"`
	wantAdmin     = `an address such as "127.0.0.1:8895" or "unix:/run/sealmilter/admin.sock"`
	wantHost      = `the name of a host such as "mx.example.org"`
	wantPath      = `a path such as "/var/lib/sealmilter"`
	wantPattern   = `an address, "@domain" or glob such as "*@example.org"`
	wantPrefix    = `a network or address such as "10.0.0.0/8" or "::1"`
	wantDuration  = `a time such as "8s", "30m" or "365d"`
	wantSize      = `a size such as "50MiB" or a number of octets`
	wantField     = `the name of a header field such as "X-Mailer"`
	wantOwnField  = `a header field that has no other use, such as "X-Sealmilter"`
	wantExtension = `a time of more than 60 days such as "365d", or "0s"`
	wantText      = `a string`
	wantAddress   = `an address such as "relay@example.org"`
	wantTemplate  = `an address on the web such as "https://example.org/keys/{fingerprint}.asc"`
	wantMapped    = `an address or "@domain"`
	wantResolver  = `an address such as "127.0.0.1", "127.0.0.1:5353" or "tls://192.0.2.1#dns.example.org"`
)

func wantServer(example string) string { return fmt.Sprintf("a server such as %q", example) }

// oneOf accepts these words and no other.
func oneOf[T ~string](words ...T) func(string) (T, error) {
	return func(s string) (T, error) {
		if slices.Contains(words, T(s)) {
			return T(s), nil
		}
		return "", fmt.Errorf("%q is not one of %s", clip(s), choices(words))
	}
}

// choices lists words for a sentence.
func choices[T ~string](words []T) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(w))
	}
	return b.String()
}

func parseListen(s string) (Listen, error) {
	network, address, _ := strings.Cut(s, ":")
	switch network {
	case "inet":
		address, err := parseHostPort(address)
		return Listen{Network: "tcp", Address: address}, err
	case "unix":
		// The kernel's limit, sun_path of unix(7), is 108 octets with the NUL.
		if address == "" || len(address) > 107 {
			return Listen{}, fmt.Errorf("%q names no path of 1 to 107 octets", clip(s))
		}
		return Listen{Network: "unix", Address: address}, nil
	}
	return Listen{}, fmt.Errorf("%q is not %s", clip(s), wantListen)
}

func parseHostPort(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" || strings.ContainsAny(host, " \t\r\n") {
		return "", fmt.Errorf("%q is not host:port, as in 127.0.0.1:10026 or [::1]:10026", clip(s))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("%q has no port between 1 and 65535", clip(s))
	}
	return s, nil
}

// parseAdmin reads host:port, or a Unix socket as [parseListen] does.
func parseAdmin(s string) (string, error) {
	if strings.HasPrefix(s, "unix:") {
		_, err := parseListen(s)
		return s, err
	}
	return parseHostPort(s)
}

// parseHost reads the name of a host without a port.
func parseHost(s string) (string, error) {
	if a, err := mail.ParseAddr("x@" + s); err == nil && !a.IsLiteral() {
		return a.Domain(), nil
	}
	return "", fmt.Errorf("%q is not %s", clip(s), wantHost)
}

func parseDatabase(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		// The text may hold a password.
		return "", errors.New(`it is not a database such as "postgres://sealmilter:secret@db.example.org/sealmilter"; "" is the built-in one in the state directory`)
	}
	return s, nil
}

// parseServer reads the URL of a server, which has one of the schemes.
func parseServer(schemes ...string) func(string) (string, error) {
	return func(s string) (string, error) {
		u, err := url.Parse(s)
		if strings.Contains(s, "@") {
			// The text may hold a password.
			return "", fmt.Errorf("it is not the URL of a server, which has no user or password in it; it begins with %s://", strings.Join(schemes, ":// or "))
		}
		if err != nil || !slices.Contains(schemes, u.Scheme) || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return "", fmt.Errorf("%q is not the URL of a server; it begins with %s://", clip(s), strings.Join(schemes, ":// or "))
		}
		return s, nil
	}
}

// parseResolver checks the form of a resolver's address.
func parseResolver(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	address, secure := strings.CutPrefix(s, "tls://")
	if secure {
		address, _, _ = strings.Cut(address, "#")
	}
	_, errAddr := netip.ParseAddr(strings.Trim(address, "[]"))
	_, errPort := netip.ParseAddrPort(address)
	if errAddr != nil && errPort != nil {
		return "", fmt.Errorf("%q is not %s", clip(s), wantResolver)
	}
	return s, nil
}

// parseText takes any text in one line.
func parseText(s string) (string, error) {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return "", errors.New("it has control characters")
	}
	return s, nil
}

// parseMapped reads an address or "@domain" of [keys.map] in the form in which addresses are looked up.
func parseMapped(s string) (string, error) {
	if domain, whole := strings.CutPrefix(s, "@"); whole {
		a, err := mail.ParseAddr("x@" + domain)
		if err != nil || a.IsLiteral() {
			return "", fmt.Errorf("%q is not %s", clip(s), wantMapped)
		}
		return "@" + a.Domain(), nil
	}
	a, err := mail.ParseAddr(s)
	return a.Key(), err
}

func parsePath(s string) (string, error) {
	if s == "" || strings.ContainsRune(s, 0) {
		return "", errors.New("it is not a path")
	}
	return s, nil
}

// parseOptional takes "" for none.
func parseOptional(parse func(string) (string, error)) func(string) (string, error) {
	return func(s string) (string, error) {
		if s == "" {
			return "", nil
		}
		return parse(s)
	}
}

// beside makes a path that is not absolute one beside the configuration file.
func beside(file, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}

func parsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || p.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q is not %s", clip(s), wantPrefix)
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%q names a host inside of a network; the network is %s", s, p.Masked())
	}
	return p, nil
}

// parseDuration reads Go's durations, with "365d" for days beside them.
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if days, found := strings.CutSuffix(s, "d"); found {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not %s", clip(s), wantDuration)
	}
	return d, nil
}

// minExtension is when a key counts as nearing its end: a shorter extension would be due again at once.
const minExtension = 60 * 24 * time.Hour

// parseExtension takes 0 for none.
func parseExtension(s string) (time.Duration, error) {
	d, err := parseDuration(s)
	if err != nil || d != 0 && d <= minExtension {
		return 0, fmt.Errorf("%q is not %s", clip(s), wantExtension)
	}
	return d, nil
}

// parsePositive reads a duration that is not zero.
func parsePositive(s string) (time.Duration, error) {
	d, err := parseDuration(s)
	if err == nil && d == 0 {
		return 0, fmt.Errorf("%q is not %s", clip(s), wantDuration)
	}
	return d, err
}

// maxTimeout leaves some of the 30 seconds after which Postfix gives up on a RCPT TO (milter_command_timeout).
const maxTimeout = 25 * time.Second

func parseTimeout(s string) (time.Duration, error) {
	d, err := parsePositive(s)
	if err == nil && d > maxTimeout {
		return 0, fmt.Errorf("%q is more than %v, after which the mail server would no longer wait", s, maxTimeout)
	}
	return d, err
}

// maxRecipients is how many recipients one message may have. Each of them costs memory as long as the message is in work.
const maxRecipients = 10_000

// maxMessageTime leaves some of the 10 minutes that a client waits after the final dot at least (RFC 5321, section
// 4.5.3.2.6), and sendmail by the shipped E:10m.
const maxMessageTime = 9*time.Minute + 30*time.Second

func parseMessageTime(s string) (time.Duration, error) {
	d, err := parsePositive(s)
	if err == nil && d > maxMessageTime {
		return 0, fmt.Errorf("%q is more than %v, after which mail servers and their clients would no longer wait", s, maxMessageTime)
	}
	return d, err
}

func parseSize(s string) (int64, error) {
	number, shift := s, 0
	for unit, bits := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
		if n, found := strings.CutSuffix(s, unit); found {
			number, shift = strings.TrimSpace(n), bits
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is not %s; units are KiB, MiB and GiB", clip(s), wantSize)
	}
	return n << shift, nil
}

func parseLevel(s string) (slog.Level, error) {
	word, err := oneOf("debug", "info", "warn", "error")(s)
	if err != nil {
		return 0, err
	}
	var level slog.Level
	return level, level.UnmarshalText([]byte(word))
}

// knownSources are the names that a source of keys can have.
var knownSources = []string{"local", "wkd", "dane", "vks", "hkp", "ldap"}

func parseSource(s string) (string, error) {
	if !slices.Contains(knownSources, s) {
		return "", fmt.Errorf("%q is not a source of keys; choose from %s", clip(s), choices(knownSources))
	}
	return s, nil
}

// neverStripped are the fields without which a message is none, or another one.
var neverStripped = []string{"from", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding"}

func parseField(s string) (string, error) {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }) {
		return "", fmt.Errorf("%q is not %s", clip(s), wantField)
	}
	if slices.Contains(neverStripped, strings.ToLower(s)) {
		return "", fmt.Errorf("%q cannot be stripped: the message would not be one without it", s)
	}
	return s, nil
}

// parseOwnField wants a field that messages do not have for another reason: it is read, and removed.
func parseOwnField(s string) (string, error) {
	if _, err := parseField(s); err != nil || !strings.HasPrefix(strings.ToLower(s), "x-") {
		return "", fmt.Errorf("%q is not %s", clip(s), wantOwnField)
	}
	return s, nil
}

// checkTag wants printable US-ASCII without white space at its ends: a text that shows in a Subject as it was typed.
func checkTag(tag string) error {
	if tag == "" || tag != strings.TrimSpace(tag) || strings.ContainsFunc(tag, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("%q is no text to look for in a Subject; an example is \"[encrypt]\"", clip(tag))
	}
	return nil
}

// parseTemplate reads a URL in which {fingerprint}, {address}, {local} and {domain} may stand for what they say.
func parseTemplate(s string) (string, error) {
	filled := strings.NewReplacer("{fingerprint}", "f", "{address}", "a", "{local}", "l", "{domain}", "d").Replace(s)
	u, err := url.Parse(filled)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(filled, "{}\" \t;") {
		return "", fmt.Errorf("%q is not %s; {fingerprint}, {address}, {local} and {domain} can stand in it", clip(s), wantTemplate)
	}
	return s, nil
}

package wiring

import (
	"net"
	"path"
	"regexp"
	"strings"

	"sealmilter/internal/config"
)

// filter is an entry of smtpd_milters or non_smtpd_milters.
type filter struct {
	text     string            // as it is written
	endpoint string            // inet:HOST:PORT or unix:PATH; for a "$name", what it stands for is not here
	options  map[string]string // such as default_action
}

// parseFilters reads a list of milters (MILTER_README, "Advanced policy for Milters").
func parseFilters(value string) []filter {
	var all []filter
	for _, word := range words(value, listSeparators) {
		f := filter{text: word, endpoint: word}
		if strings.HasPrefix(word, "{") {
			inner := words(unbraced(word), listSeparators)
			f.endpoint = ""
			if len(inner) > 0 {
				f.endpoint = inner[0]
				f.options = options(inner[1:])
			}
		}
		all = append(all, f)
	}
	return all
}

// options reads "name=value" and "{ name = value }".
func options(list []string) map[string]string {
	all := make(map[string]string)
	for i := 0; i < len(list); i++ {
		name, value, _ := nameAndValue(unbraced(list[i]))
		all[name] = unbraced(value)
	}
	return all
}

// usualSigner matches the name or the usual port of OpenDKIM, or a name like it, in what names a filter: an address of
// Postfix's, "inet:127.0.0.1:8891", or one of sendmail's, "inet:8891@127.0.0.1".
var usualSigner = regexp.MustCompile(`(?i)dkim|inet:([^, ]*:)?8891\b`)

// signs reports whether a filter is one that signs what leaves, and so has to come after encryption. Text is its name, its
// address or both.
func signs(text string) bool { return usualSigner.MatchString(text) }

func (f filter) isSigner() bool { return signs(f.endpoint) }

// listed returns filters as a list, as they are written.
func listed(all []filter, separator string) string {
	texts := make([]string, len(all))
	for i, f := range all {
		texts[i] = f.text
	}
	return strings.Join(texts, separator)
}

// Endpoint is where the mail server finds sealmilter.
type Endpoint struct {
	listen config.Listen
	// queue is Postfix's queue_directory, which is "/" for a service in a chroot.
	queue string
}

// String returns the address as Postfix's settings have it. A socket in the queue directory is named relative to it,
// which holds inside and outside of a chroot.
func (e Endpoint) String() string {
	if inner, inside := e.inQueue(); inside {
		return "unix:" + inner
	}
	return e.listen.String()
}

// inQueue returns the path of a socket relative to the queue directory.
func (e Endpoint) inQueue() (inner string, inside bool) {
	if e.listen.Network != "unix" || e.queue == "" {
		return "", false
	}
	return strings.CutPrefix(path.Clean(e.listen.Address), strings.TrimSuffix(path.Clean(e.queue), "/")+"/")
}

// is reports whether a setting names this endpoint.
func (e Endpoint) is(setting string) bool {
	kind, address, _ := strings.Cut(setting, ":")
	switch {
	case e.listen.Network == "tcp" && strings.EqualFold(kind, "inet"):
		return sameTCP(address, e.listen.Address)
	case e.listen.Network != "unix" || !strings.EqualFold(kind, "unix") && !strings.EqualFold(kind, "local"):
		return false
	}
	inner, inside := e.inQueue()
	clean := path.Clean(address)
	return clean == path.Clean(e.listen.Address) || inside && (clean == inner || clean == "/"+inner)
}

func sameTCP(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	return errA == nil && errB == nil && portA == portB && loopbackName(hostA) == loopbackName(hostB)
}

// loopbackName gives one name to the two that mean this host.
func loopbackName(host string) string {
	if strings.EqualFold(host, "localhost") {
		return "127.0.0.1"
	}
	return strings.ToLower(host)
}

// find returns the position of this endpoint among filters, -1 if it is not there.
func (e Endpoint) find(all []filter) int {
	for i, f := range all {
		if e.is(f.endpoint) {
			return i
		}
	}
	return -1
}

package keys

import (
	"fmt"
	"net/url"
	"strings"
)

// parseServer checks the URL of a key server that an administrator has chosen, and returns it without a final slash.
// Schemes are "https" and those given as aliases of it.
func parseServer(s string, aliases ...string) (string, error) {
	// This comes first because url.Parse is strict with the hosts of some schemes only.
	target := s
	for _, alias := range aliases {
		if scheme, rest, found := strings.Cut(s, ":"); found && strings.EqualFold(scheme, alias) {
			target = "https:" + rest
		}
	}
	u, err := url.Parse(target)
	if err != nil {
		return "", fmt.Errorf("the key server %.100q: its URL is not valid; it should be like https://keys.example.org", s)
	}
	switch {
	case u.Scheme != "https":
		return "", fmt.Errorf("the key server %.100q: its answers could be forged; its URL should begin with https://", s)
	case u.Hostname() == "" || u.Opaque != "":
		return "", fmt.Errorf("the key server %.100q: its URL names no host; it should be like https://keys.example.org", s)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", fmt.Errorf("the key server %.100q: its URL must not have a password, a query or a fragment", s)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

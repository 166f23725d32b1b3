package pgpmime

import (
	"slices"
	"strings"
)

// isClaim reports whether only the composer may set a parameter of a Content-Type (RFC 9788, sections 2.1.1 and 2.1.2; the
// last is of the drafts before it).
func isClaim(name string) bool {
	return name == "hp" || name == "hp-legacy-display" || name == "protected-headers"
}

// withoutClaims drops the claims, and those that a comment stands before.
func (p parameters) withoutClaims() parameters {
	kept := parameters{first: p.first}
	for _, q := range p.list {
		name := q.name
		for strings.HasPrefix(name, "(") {
			name = strings.TrimLeft(name[commentEnd(name):], " \t\r\n")
		}
		if end := strings.IndexAny(name, "* \t\r\n("); end >= 0 {
			name = name[:end]
		}
		if !isClaim(name) {
			kept.list = append(kept.list, q)
		}
	}
	return kept
}

// withClaims puts claims, as they are to stand between two semicolons, at the end, or before a parameter that some
// readers cannot read: they heed nothing behind it.
func (p parameters) withClaims(raw ...string) parameters {
	at := slices.IndexFunc(p.list, func(q parameter) bool { return !q.isReadable() })
	if at < 0 {
		at = len(p.list)
	}
	made := parameters{first: p.first, list: slices.Clone(p.list)}
	if at < len(made.list) {
		made.list[at].raw = "\r\n " + strings.TrimLeft(made.list[at].raw, " \t\r\n")
	}
	for i, claim := range raw {
		made.list = slices.Insert(made.list, at+i, parameter{raw: claim})
	}
	return made
}

// isReadable reports whether a parameter is a name and one value, which no reader stumbles over.
func (p parameter) isReadable() bool {
	return isToken(p.name) && strings.Contains(p.raw, "=") && isPlainValue(p.raw)
}

// disclaim takes the claims from an entity and its parts, and reports whether there were any. It leaves what is in signed
// or encrypted entities and in forwarded messages: that is not the sender's, and no reader heeds it there.
func (e *entity) disclaim() bool {
	kept := e.media.parameters.withoutClaims()
	found := len(kept.list) < len(e.media.parameters.list)
	if found {
		e.media.parameters = kept
		e.setField("Content-Type", kept.String())
	}
	if e.isSealed() || e.media.main != "multipart" {
		return found
	}
	for _, part := range e.parts {
		if part.disclaim() {
			e.bodyFaults |= claiming
			found = true
		}
	}
	return found
}

package mail

import "strings"

// Covers reports whether the pattern matches every address that another one matches. It may miss that for globs with
// "?" in them, and is never wrong when it says yes.
func (p Pattern) Covers(other Pattern) bool {
	switch {
	case p.text == "*" || p.text == other.text:
		return true
	case p.text == "" || other.text == "*" || strings.Contains(p.text, "?") && strings.Contains(other.text, "*"):
		return false
	}
	// A "*" of the other one is met by a "*" of this one alone, which takes whatever it stands for.
	return glob(p.text, other.text)
}

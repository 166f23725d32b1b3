package debian

import (
	"regexp"
	"strings"
)

// pseudo matches the version that Go makes for a commit without a tag (https://go.dev/ref/mod#pseudo-versions): what the
// next tag may be, the time of the commit and its name.
var pseudo = regexp.MustCompile(`^([0-9]+\.[0-9]+\.[0-9]+)-(?:(.*?)\.?0\.)?([0-9]{14})-([0-9a-f]{12})$`)

// Version returns the version of the package for a version of the Go module: "1.2.3" for the tag v1.2.3. A commit without
// a tag comes before the tag that it may lead to, and after every earlier commit. What was changed since the commit is said
// behind a plus sign, and what has no version at all comes before everything.
func Version(module string) string {
	v, found := strings.CutPrefix(module, "v")
	if !found {
		return "0~devel"
	}
	v, changed, isChanged := strings.Cut(v, "+")
	if m := pseudo.FindStringSubmatch(v); m != nil {
		v = m[1] + "~"
		if m[2] != "" {
			v += m[2] + "." // a commit after a pre-release
		}
		v += m[3] + "." + m[4][:8]
	} else {
		v = strings.Replace(v, "-", "~", 1) // a pre-release
	}
	v = strings.ReplaceAll(v, "-", ".") // what follows a hyphen is the revision of Debian's
	if isChanged {
		v += "+" + strings.ReplaceAll(changed, "-", ".")
	}
	return v
}

package keys

import (
	_ "embed"
	"strings"
)

//go:embed publish_readme.txt
var publishText string

// publicationReadme says what to do with the tree, for the first of the domains.
func publicationReadme(domains []string) []byte {
	domain, list := "example.org", "none yet"
	if len(domains) > 0 {
		domain, list = domains[0], strings.Join(domains, ", ")
	}
	return []byte(strings.NewReplacer("@DOMAIN@", domain, "@DOMAINS@", list).Replace(publishText))
}

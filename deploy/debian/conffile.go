package debian

import (
	"fmt"
	"strings"

	"sealmilter/deploy"
)

// howToChange stands below the first lines of the configuration.
const howToChange = `#
# A key behind a "#" has its default, and gets a new one when an upgrade brings it. Take the "#" away to change it.
`

// Conffile returns the configuration of the package for the one that is shipped with every key at its default: each key
// is commented out, so that upgrades can change defaults without a question, but for the passphrase, whose file the
// package makes.
func Conffile(config string) string {
	var b strings.Builder
	top := true // in the comment at the top
	for line := range strings.Lines(config) {
		if top && !strings.HasPrefix(line, "# ") {
			top = false
			b.WriteString(howToChange)
		}
		switch {
		case strings.HasPrefix(line, "passphrase_file "):
			fmt.Fprintf(&b, "passphrase_file = %q\n", deploy.Passphrase)
		case strings.HasPrefix(line, "#"), strings.HasPrefix(line, "["), strings.TrimSpace(line) == "":
			b.WriteString(line)
		default:
			b.WriteString("#" + line)
		}
	}
	return b.String()
}

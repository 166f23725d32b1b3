package debian

import (
	"fmt"
	"time"
)

// architectures are the names that Debian has for the processors of Go.
var architectures = map[string]string{"amd64": "amd64", "arm64": "arm64"}

// control returns the description of the package (deb-control(5)). Size is that of what is installed, in KiB.
func (p *Package) control(size int64) string {
	// Key sources speak HTTPS: without certificates of authorities every lookup would fail.
	return fmt.Sprintf(`Package: sealmilter
Version: %s
Architecture: %s
Maintainer: %s
Installed-Size: %d
Depends: adduser, ca-certificates
Suggests: postfix | sendmail-bin
Enhances: postfix, sendmail-bin
Section: mail
Priority: optional
Description: milter that signs and encrypts outgoing mail with OpenPGP
 sealmilter stands behind Postfix or sendmail. It signs every outgoing message
 with the sender's OpenPGP key and turns it into one copy per recipient:
 encrypted where a public key is known, signed clear text where none is, refused
 where the policy says "only encrypted". While it does not answer, the mail
 server puts mail off.
 .
 The package does not change the settings of the mail server. The command
 "sealmilter setup" does, and takes it back.
`, p.Version, p.arch(), p.Maintainer, size)
}

// changelog returns the list of changes (Debian Policy, section 4.4), which is about the package alone.
func (p *Package) changelog() string {
	commit := ""
	if p.Made.Commit != "" {
		commit = " from the commit " + p.Made.Commit
	}
	return fmt.Sprintf("sealmilter (%s) unstable; urgency=medium\n\n  * Built%s.\n\n -- %s  %s\n",
		p.Version, commit, p.Maintainer, p.Made.Time.UTC().Format(time.RFC1123Z))
}

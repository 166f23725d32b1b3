package campaign

import (
	"fmt"
	"slices"
)

// right is what a recipient may be sent.
type right uint8

const (
	// nothing is for those who are refused at RCPT TO: mail to them has to be encrypted, and they have no key.
	nothing right = iota
	// encrypted is for those whose key was known before the campaign began.
	encrypted
	// clear is for those who have no key, and of whom nobody demands one.
	clear
)

// recipient is somebody whom the campaign writes to.
type recipient struct {
	addr string
	may  right
	// published keys are found in the Web Key Directory of the recipient's domain alone.
	published bool
}

// The domains of the recipients. All of strictDomain get encrypted mail or none, and publishedDomain has a Web Key
// Directory, which does not always answer.
const (
	keyedDomain     = "keyed.example"
	plainDomain     = "plain.example"
	strictDomain    = "strict.example"
	publishedDomain = "published.example"
)

// cast returns everybody whom the campaign writes to.
func cast() []recipient {
	var all []recipient
	add := func(n int, local, domain string, may right, published bool) {
		for i := range n {
			all = append(all, recipient{fmt.Sprintf("%s%d@%s", local, i, domain), may, published})
		}
	}
	add(12, "ada", keyedDomain, encrypted, false)
	add(12, "ned", plainDomain, clear, false)
	add(2, "pia", publishedDomain, encrypted, true)
	add(2, "pip", publishedDomain, clear, false)
	add(3, "sue", strictDomain, encrypted, false)
	add(1, "sam", strictDomain, nothing, false)
	return all
}

// author is somebody who logs in with the own name as password, and has a key.
type author struct{ login, addr string }

var authors = []author{{"alice", "alice@example.org"}, {"bruno", "bruno@example.org"}, {"clara", "clara@example.org"}}

// byAddress finds one of a cast.
func byAddress(all []recipient, addr string) (recipient, bool) {
	i := slices.IndexFunc(all, func(r recipient) bool { return r.addr == addr })
	if i < 0 {
		return recipient{}, false
	}
	return all[i], true
}

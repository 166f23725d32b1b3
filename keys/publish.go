package keys

import (
	"context"
	"fmt"
	"path"
	"slices"
)

// Published is what [Senders.Publish] has done. Paths are below the folder, with slashes.
type Published struct {
	// Addresses are those whose certificates are in the tree now.
	Addresses []string
	// Unpublished are senders whose certificates are not.
	Unpublished []Unpublished
	// Written are files that are new or have changed, and Removed those of an earlier run that are no more.
	Written, Removed []string
	// Foreign are files in the place of ours that somebody else has put there. They are left alone.
	Foreign []string
}

const (
	webKeyRoot  = ".well-known/openpgpkey"
	zoneFile    = "openpgpkey.zone"
	readmeFile  = "README.txt"
	advancedSub = "openpgpkey." // the host of the advanced method, before the domain
)

// Publish writes a tree that web servers can serve as the Web Key Directory of the senders' domains
// (draft-koch-openpgp-webkey-service, section 3.1): for each domain D the root folder of the host openpgpkey.D, for
// the advanced method, and that of the host D, for the direct one. Beside them is a zone file with the records for
// DANE (RFC 7929), and a README that says what to do with all that. Certificates come from the store and are reduced
// to the one address.
//
// The folder is created if need be; its parent must exist. All files are readable by everybody. Each is replaced
// whole, so that a server may read the tree meanwhile. Files that an earlier run has written and that are needed no
// more are removed; other people's files are left alone. Two processes do not write to one folder at the same time:
// the second one gets an error.
func (s *Senders) Publish(ctx context.Context, folder string) (Published, error) {
	all, not, err := s.publications(ctx)
	if err != nil {
		return Published{}, fmt.Errorf("publish keys: %w", err)
	}
	done := Published{Unpublished: not}
	for _, p := range all {
		done.Addresses = append(done.Addresses, p.addr.Key())
	}
	if err := done.writeTree(folder, publicationTree(all)); err != nil {
		return done, fmt.Errorf("publish keys in %s: %w", folder, err)
	}
	return done, nil
}

// publicationTree returns the contents of the files by their paths.
func publicationTree(all []publication) map[string][]byte {
	tree := make(map[string][]byte)
	var domains []string
	for _, p := range all {
		domain, cert := p.addr.Domain(), p.cert.Bytes()
		domains = append(domains, domain)
		tree[path.Join(advancedSub+domain, webKeyRoot, domain, "hu", p.hash)] = cert
		tree[path.Join(advancedSub+domain, webKeyRoot, domain, "policy")] = nil
		tree[path.Join(domain, webKeyRoot, "hu", p.hash)] = cert
		tree[path.Join(domain, webKeyRoot, "policy")] = nil
	}
	slices.Sort(domains)
	tree[zoneFile] = daneZone(all)
	tree[readmeFile] = publicationReadme(slices.Compact(domains))
	return tree
}

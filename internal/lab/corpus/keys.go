package corpus

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// keys judges one file of keys.
func (r *run) keys(ctx context.Context, path string) error {
	name, err := filepath.Rel(r.Folder, path)
	if err != nil {
		return err
	}
	result := Result{Name: name, Kind: "keys", Outcome: Verified}
	dir, err := os.MkdirTemp("", "sealmilter-corpus-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out, err := r.Limits.output(ctx, slices.Concat(r.Importer, []string{path, dir}))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		result.fault("the import: %v", err)
	default:
		var told importing
		if err := json.Unmarshal(out, &told); err != nil {
			result.fault("the import says %.200q: %v", out, err)
			break
		}
		if err := r.judgeKeys(ctx, path, told, &result); err != nil {
			return err
		}
	}
	r.report(result)
	return nil
}

// judgeKeys writes into the result what the import means.
func (r *run) judgeKeys(ctx context.Context, path string, told importing, result *Result) error {
	taken := 0
	for _, k := range told.Keys {
		switch {
		case k.Outcome != "refused":
			taken++
		case k.Err == "":
			result.fault("key %s is refused without a reason", k.Fingerprint)
		case result.Reason == "":
			result.Reason = k.Err
		}
	}
	if told.Err != "" {
		result.Reason = told.Err
	}
	if taken == 0 && result.Outcome == Verified {
		result.Outcome = Refused
		if result.Reason == "" {
			result.fault("it is turned down without a reason")
		}
	}
	var found []lookup
	for _, l := range told.Lookups {
		switch {
		case l.Status != "found" && l.Why == "":
			result.fault("%s has no key, and nothing says why", l.Address)
		case l.Status != "found":
		case l.Message == "":
			result.fault("%s has a key that cannot be encrypted to: %s", l.Address, l.Err)
		default:
			found = append(found, l)
		}
	}
	result.Usable = len(found)
	if len(found) == 0 {
		return nil
	}
	known, err := r.people.gnupg.show(ctx, path)
	if err != nil {
		return err
	}
	for _, l := range found {
		readers, err := readersOf([]byte(l.Message))
		if err != nil {
			result.fault("what is encrypted to %s: %v", l.Address, err)
		}
		for _, fault := range known[l.Fingerprint].contradicts(l.Address, readers) {
			result.fault("%s is encrypted to %s, %s", l.Address, l.Fingerprint, fault)
		}
	}
	return nil
}

// listed is what gpg says of one certificate.
type listed struct {
	validity string
	keys     map[string]string // the validity of each key, by key ID
	userIDs  []listedUserID
}

type listedUserID struct{ validity, text string }

// contradicts returns why gpg would not encrypt to these keys of the certificate for the address.
func (l *listed) contradicts(address string, readers []string) []string {
	if l == nil {
		return nil // gpg does not know the certificate's version
	}
	bad := map[string]string{"r": "revoked", "e": "expired"}
	var faults []string
	if state := bad[l.validity]; state != "" {
		faults = append(faults, "which gpg calls "+state)
	}
	for _, id := range readers {
		if state := bad[l.keys[id]]; state != "" {
			faults = append(faults, fmt.Sprintf("of whose keys gpg calls %s %s", id, state))
		}
	}
	named, valid := false, false
	for _, u := range l.userIDs {
		if strings.Contains(strings.ToLower(u.text), strings.ToLower(address)) {
			named, valid = true, valid || bad[u.validity] == ""
		}
	}
	if named && !valid {
		faults = append(faults, "whose User ID gpg calls revoked or expired")
	}
	return faults
}

// show lists the certificates of a file by their fingerprints. What gpg cannot read is not listed.
func (g *gnupg) show(ctx context.Context, path string) (map[string]*listed, error) {
	out, err := g.output(ctx, nil, "--with-colons", "--fixed-list-mode", "--show-keys", path)
	if ctx.Err() != nil {
		return nil, err
	}
	all := make(map[string]*listed)
	var now *listed
	primary := false
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) < 10 {
			continue
		}
		switch fields[0] {
		case "pub", "sec":
			now, primary = &listed{validity: fields[1], keys: map[string]string{fields[4]: fields[1]}}, true
		case "sub", "ssb":
			now.keys[fields[4]] = fields[1]
			primary = false
		case "uid":
			now.userIDs = append(now.userIDs, listedUserID{fields[1], fields[9]})
		case "fpr":
			if primary {
				all[fields[9]] = now
			}
			primary = false
		}
	}
	return all, nil
}

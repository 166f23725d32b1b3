package campaign

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// searchForClearText looks for text of letters where there must be none: in the milter's state and in the logs. Postfix's
// queue is empty by now.
func (c *campaign) searchForClearText(v *Verdict) {
	look := func(path string) {
		content, err := os.ReadFile(path)
		if err == nil && bytes.Contains(bytes.ToLower(content), []byte(secret)) {
			v.add(&v.Leaked, Finding{"leaked", "", "", path + " shows text of letters"})
		}
	}
	look(c.daemon.log)
	look(filepath.Join(c.site.postfix.Folder(), "log"))
	filepath.WalkDir(c.site.state, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			look(path)
		}
		return nil
	})
}

// keepEvidence puts what there is to study into the folder of the campaign: beside the milter's log and configuration
// those of Postfix, the state, what was sent and what arrived.
func (c *campaign) keepEvidence(v *Verdict) error {
	var findings, sent, arrived strings.Builder
	if v != nil {
		fmt.Fprintln(&findings, v)
		for _, f := range v.Findings {
			fmt.Fprintln(&findings, f)
		}
	}
	c.register.mu.Lock()
	defer c.register.mu.Unlock()
	for _, rec := range c.register.order {
		fmt.Fprintf(&sent, "%s id %q from %s local %t meant %d tries %d done %t size %d\n\tto", rec.marker, rec.id, rec.from.login, rec.local,
			rec.meant, rec.tries, rec.done, rec.size)
		for _, r := range rec.readers() {
			fmt.Fprintf(&sent, " %s:%d", r.addr, rec.accepted[r.addr])
		}
		fmt.Fprintf(&sent, "\n\trefused %q %q last %q\n", rec.refused, rec.turnedDown, rec.last)
	}
	for _, a := range c.register.arrivals {
		fmt.Fprintf(&arrived, "%s to %s queue file %s id %s wrong %q damaged %q\n", a.marker, a.to, a.queueID, a.messageID, a.wrong, a.damaged)
	}
	for _, n := range c.register.notices {
		fmt.Fprintf(&arrived, "notice about %s to %q\n", n.messageID, n.failed)
	}
	folder := c.site.postfix.Folder()
	return errors.Join(
		os.WriteFile(filepath.Join(c.dir, "findings.txt"), []byte(findings.String()), 0o644),
		os.WriteFile(filepath.Join(c.dir, "sent.txt"), []byte(sent.String()), 0o644),
		os.WriteFile(filepath.Join(c.dir, "arrived.txt"), []byte(arrived.String()), 0o644),
		copyFiles(folder, c.dir, "log", "conf/main.cf", "conf/master.cf"),
		os.CopyFS(filepath.Join(c.dir, "state-at-the-end"), os.DirFS(c.site.state)))
}

// copyFiles copies files from one folder to another, where "postfix-" stands before their names.
func copyFiles(from, to string, names ...string) error {
	var failures []error
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(from, name))
		failures = append(failures, err, os.WriteFile(filepath.Join(to, "postfix-"+filepath.Base(name)), content, 0o644))
	}
	return errors.Join(failures...)
}

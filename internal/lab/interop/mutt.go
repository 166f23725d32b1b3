package interop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sealmilter/internal/lab"
)

// mutt is one of the family of mutt. A person opens a message, reads it and looks at the list of its attachments.
type mutt struct {
	called string
	tree   lab.Tree
}

func (m *mutt) name() string { return m.called }

func (m *mutt) version(ctx context.Context) (string, error) {
	return firstLine(ctx, m.tree, m.called, "-v")
}

func (m *mutt) receive(context.Context, *mailbox, []*sample) error { return nil }

// muttrc is a configuration in which nothing depends on the machine. Its pager takes a copy of what would be shown.
const muttrc = `set folder="%[1]s"
set pager="%[1]s/pager"
set charset=utf-8
set crypt_use_gpgme=yes
set crypt_verify_sig=yes
set crypt_protected_headers_read=yes
set wait_key=no
set quit=yes
set move=no
set beep=no
set sleep_time=0
set wrap=0
unset prompt_after
unset markers
alternative_order text/plain text/html
ignore *
unignore from to subject date
`

const pager = `#!/bin/sh
cat "$1" >"%s/page"
`

func (m *mutt) read(ctx context.Context, box *mailbox, s *sample) error {
	dir, err := os.MkdirTemp(box.dir, m.called+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	paths, err := write(dir, map[string][]byte{
		"rc":    fmt.Appendf(nil, muttrc, dir),
		"pager": fmt.Appendf(nil, pager, dir),
		"mbox":  append([]byte("From alice Mon Mar  2 10:00:00 2026\n"), inMailbox(s.raw)...),
	})
	if err != nil {
		return err
	}
	if err := os.Chmod(paths["pager"], 0o700); err != nil {
		return err
	}
	// Keys that are pushed keep the screen from being drawn, so the last ones are typed when the list is there.
	const keys = "push <display-message><view-attachments>"
	screen, err := onTerminal(command(ctx, m.tree, box.env(), "/usr/bin/"+m.called,
		"-n", "-F", paths["rc"], "-R", "-f", paths["mbox"], "-e", keys), answer{"Attachments", "qq"})
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", m.called, err, screen)
	}
	page, err := os.ReadFile(filepath.Join(dir, "page"))
	if err != nil {
		return &fault{"does not show it", screen}
	}
	return m.check(box, s, string(page), screen)
}

// check looks at the page that was shown and at the screen with the list of attachments.
func (m *mutt) check(box *mailbox, s *sample, page, screen string) error {
	var found []error
	missing := func(what string) { found = append(found, &fault{what, page}) }
	// What the signature covers is shown below this line, the protected Subject first.
	begin := map[form]string{signed: "is signed --]", sealed: "is PGP/MIME signed and encrypted --]", hidden: "is PGP/MIME signed and encrypted --]",
		automatic: "is PGP/MIME encrypted --]"}
	above, below, ok := strings.Cut(page, "[-- The following data "+begin[s.form]+"\n")
	if !ok {
		missing("not shown as " + s.form.String())
	}
	fold := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	if subject, _, _ := strings.Cut(strings.TrimLeft(below, "\n"), "\n\n"); fold(subject) != "Subject: "+fold(s.shown()) {
		missing("Subject not shown")
	}
	if s.form.signed() != strings.Contains(above, "Good signature from") {
		missing("signature not shown as good")
	}
	if s.form.signed() && !box.namesAuthor(strings.ReplaceAll(above, " ", "")) {
		missing("signer not shown")
	}
	if !strings.Contains(page, s.author) {
		missing("author's name not shown")
	}
	for _, text := range s.texts {
		if !strings.Contains(below, text) {
			missing("text not shown")
		}
	}
	for _, name := range s.files {
		if !strings.Contains(screen, name) {
			found = append(found, &fault{"attachment not listed", screen})
		}
	}
	if s.attached && !strings.Contains(screen, certificateDescription) {
		found = append(found, &fault{"certificate not listed", screen})
	}
	return errors.Join(found...)
}

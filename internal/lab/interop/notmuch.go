package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sealmilter/internal/lab"
)

// notmuch indexes all messages of a mailbox, decrypted, and finds and shows them.
type notmuch struct{ tree lab.Tree }

func (n *notmuch) name() string { return "notmuch" }

func (n *notmuch) version(ctx context.Context) (string, error) {
	return firstLine(ctx, n.tree, "notmuch", "--version")
}

const notmuchConfig = `[database]
path=%s
[user]
name=Reader
primary_email=reader@example.net
[index]
decrypt=true
`

// command prepares one of notmuch's commands for a mailbox.
func (n *notmuch) command(ctx context.Context, box *mailbox, args ...string) *exec.Cmd {
	env := append(box.env(), "NOTMUCH_CONFIG="+filepath.Join(box.dir, "notmuch.conf"))
	return command(ctx, n.tree, env, "/usr/bin/notmuch", args...)
}

func (n *notmuch) receive(ctx context.Context, box *mailbox, messages []*sample) error {
	for _, name := range []string{"new", "tmp", "cur"} {
		if _, err := box.folder("maildir", name); err != nil {
			return err
		}
	}
	maildir := filepath.Join(box.dir, "maildir")
	if err := os.WriteFile(filepath.Join(box.dir, "notmuch.conf"), fmt.Appendf(nil, notmuchConfig, maildir), 0o600); err != nil {
		return err
	}
	for i, s := range messages {
		if err := os.WriteFile(filepath.Join(maildir, "cur", fmt.Sprintf("%d:2,S", i)), inMailbox(s.raw), 0o600); err != nil {
			return err
		}
	}
	if _, beside, err := output(n.command(ctx, box, "new")); err != nil {
		return fmt.Errorf("notmuch new: %w\n%s", err, beside)
	}
	return nil
}

// shownMessage is what is looked at of a message (devel/schemata of notmuch, version 5).
type shownMessage struct {
	Headers struct{ Subject, From string } `json:"headers"`
	Crypto  struct {
		Signed    *struct{ Status []signatureStatus } `json:"signed"`
		Decrypted *struct{ Status string }            `json:"decrypted"`
	} `json:"crypto"`
	Body []any `json:"body"`
}

type signatureStatus struct{ Status, Fingerprint string }

func (n *notmuch) read(ctx context.Context, box *mailbox, s *sample) error {
	out, beside, err := output(n.command(ctx, box, "show", "--format=json", "--entire-thread=false", "--decrypt=true", "--verify", "id:"+s.id))
	if err != nil {
		return fmt.Errorf("notmuch show: %w\n%s", err, beside)
	}
	var nested any
	var shown shownMessage
	if err := json.Unmarshal(out, &nested); err != nil {
		return fmt.Errorf("read what notmuch shows: %w", err)
	}
	found := firstObject(nested)
	if found == nil {
		return &fault{"does not show it", string(out)}
	}
	text, err := json.Marshal(found)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &shown); err != nil {
		return fmt.Errorf("read what notmuch shows: %w", err)
	}
	// Words in quotes are a phrase.
	hits, beside, err := output(n.command(ctx, box, "search", "--output=messages", "subject:\""+s.shown()+"\" and id:"+s.id))
	if err != nil {
		return fmt.Errorf("notmuch search: %w\n%s", err, beside)
	}
	faults := []error{n.check(box, s, &shown, string(out))}
	if strings.TrimSpace(string(hits)) != "id:"+s.id {
		faults = append(faults, &fault{"Subject not found by search", string(hits)})
	}
	return errors.Join(faults...)
}

// check compares what is shown with what should be.
func (n *notmuch) check(box *mailbox, s *sample, shown *shownMessage, all string) error {
	var found []error
	missing := func(what string) { found = append(found, &fault{what, all}) }
	if strings.Join(strings.Fields(shown.Headers.Subject), " ") != s.shown() {
		missing("Subject not shown")
	}
	if s.form.encrypted() != (shown.Crypto.Decrypted != nil) || s.form.encrypted() && shown.Crypto.Decrypted.Status != "full" {
		missing("not shown as " + s.form.String())
	}
	switch {
	case !s.form.signed():
		if shown.Crypto.Signed != nil {
			missing("shown as signed")
		}
	case shown.Crypto.Signed == nil || len(shown.Crypto.Signed.Status) != 1 || shown.Crypto.Signed.Status[0].Status != "good":
		missing("signature not shown as good")
	case !box.namesAuthor(shown.Crypto.Signed.Status[0].Fingerprint):
		missing("signer not shown")
	}
	if !strings.Contains(shown.Headers.From, s.author) {
		missing("author's name not shown")
	}
	contents, names := strings.Join(values(shown.Body, "content"), "\n"), values(shown.Body, "filename")
	for _, text := range s.texts {
		if !strings.Contains(contents, text) {
			missing("text not shown")
		}
	}
	for _, name := range s.files {
		if !slices.Contains(names, name) {
			missing("attachment not listed")
		}
	}
	if s.attached && !slices.Contains(names, s.certificateName()) {
		missing("certificate not listed")
	}
	return errors.Join(found...)
}

// firstObject returns the message in the lists of lists that are threads.
func firstObject(v any) map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return v
	case []any:
		for _, inner := range v {
			if o := firstObject(inner); o != nil {
				return o
			}
		}
	}
	return nil
}

// values collects the strings under a key, however deep.
func values(v any, key string) (all []string) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if text, ok := inner.(string); ok && k == key {
				all = append(all, text)
			}
			all = append(all, values(inner, key)...)
		}
	case []any:
		for _, inner := range v {
			all = append(all, values(inner, key)...)
		}
	}
	return all
}

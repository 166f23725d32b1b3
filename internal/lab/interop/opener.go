package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"os"
	"path/filepath"
	"strings"

	"sealmilter/internal/lab"
)

// opened is what a program for OpenPGP finds in a PGP/MIME message.
type opened struct {
	payload []byte
	// signed tells that there was a signature, which then was good and the author's.
	signed bool
}

// open takes a message apart with one program. Files for it may be put into dir, which is empty. Errors are a [*fault]
// unless something else than the message is to blame.
type open interface {
	open(ctx context.Context, box *mailbox, dir string, c *lab.Container, s *sample) (opened, error)
	// about asks the program for its version.
	about(ctx context.Context) (string, error)
}

// opener is a program that knows OpenPGP but not MIME, in whose place it reads what comes out.
type opener struct {
	called string
	tree   lab.Tree
	with   open
}

func (o *opener) name() string { return o.called }

func (o *opener) version(ctx context.Context) (string, error) { return o.with.about(ctx) }

func (o *opener) receive(context.Context, *mailbox, []*sample) error { return nil }

func (o *opener) read(ctx context.Context, box *mailbox, s *sample) error {
	container, err := lab.SplitContainer(s.raw)
	if err != nil {
		return &fault{"not PGP/MIME", err.Error()}
	}
	if container.Encrypted != s.form.encrypted() {
		return &fault{"not " + s.form.String(), container.MediaType}
	}
	dir, err := os.MkdirTemp(box.dir, o.called+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	got, err := o.with.open(ctx, box, dir, container, s)
	if err != nil {
		return err
	}
	if got.signed != s.form.signed() {
		return &fault{"signature missing or too much", fmt.Sprintf("signed is %v", got.signed)}
	}
	return errors.Join(checkSubject(got.payload, s), checkContent(got.payload, s), o.checkInner(ctx, box, got.payload, s))
}

// checkInner verifies the signature that was there before. One program is enough: the octets are the same for all.
func (o *opener) checkInner(ctx context.Context, box *mailbox, payload []byte, s *sample) error {
	if _, is := o.with.(byGPG); !is || !s.inner {
		return nil
	}
	at := bytes.Index(payload, []byte("Content-Type: multipart/signed"))
	if at < 0 {
		return &fault{"signature from before missing", ""}
	}
	inner, err := box.gpg.Open(ctx, payload[at:])
	if err != nil || inner.Signer == "" || inner.Signer == s.signer {
		return &fault{"signature from before broken", fmt.Sprint(err)}
	}
	return nil
}

// checkSubject looks for the Subject in the header of a payload.
func checkSubject(payload []byte, s *sample) error {
	m, err := mail.ReadMessage(bytes.NewReader(payload))
	if err != nil {
		return &fault{"payload unreadable", err.Error()}
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != s.shown() {
		return &fault{"Subject differs", fmt.Sprintf("%q, not %q, %v", subject, s.shown(), err)}
	}
	if from := m.Header.Get("From"); !strings.Contains(from, s.author) {
		return &fault{"author's name missing", from}
	}
	return nil
}

// write puts files into a folder and returns their paths.
func write(dir string, files map[string][]byte) (map[string]string, error) {
	paths := make(map[string]string)
	for name, content := range files {
		paths[name] = filepath.Join(dir, name)
		if err := os.WriteFile(paths[name], content, 0o600); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

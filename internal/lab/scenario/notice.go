package scenario

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/textproto"
	"strings"

	"sealmilter/internal/lab"
)

// Undelivered opens a notice of the milter as its reader would, with the real gpg, and reads it as RFC 3464 has it. It
// returns whom the notice says to have got nothing. A notice must be encrypted to its reader alone, not signed, from the
// null sender, and outside it must not be seen to be one.
func (w *World) Undelivered(ctx context.Context, d lab.Delivery) (recipients []string, err error) {
	return w.undelivered(ctx, d, nil)
}

// undelivered is for a notice that others read, too.
func (w *World) undelivered(ctx context.Context, d lab.Delivery, also []string) (recipients []string, err error) {
	opened, err := w.gpg.Open(ctx, d.Data)
	if err != nil {
		return nil, err
	}
	if err := w.checkReaders(ctx, opened, append([]string{d.To}, also...)); err != nil {
		return nil, err
	}
	if err := checkNotice(d, opened); err != nil {
		return nil, err
	}
	status, err := statusPart(opened.Payload)
	if err != nil {
		return nil, fmt.Errorf("read a notice: %w", err)
	}
	in := textproto.NewReader(bufio.NewReader(bytes.NewReader(status)))
	fields, err := in.ReadMIMEHeader()
	if err == nil && !strings.HasPrefix(fields.Get("Reporting-MTA"), "dns; ") {
		err = fmt.Errorf("its reporting MTA is %q", fields.Get("Reporting-MTA"))
	}
	for err == nil {
		if fields, err = in.ReadMIMEHeader(); len(fields) == 0 {
			break
		}
		kind, who, _ := strings.Cut(fields.Get("Final-Recipient"), "; ")
		if kind != "rfc822" || fields.Get("Action") != "failed" || !strings.HasPrefix(fields.Get("Status"), "5.") {
			return nil, fmt.Errorf("read a notice: a recipient's fields are %v", fields)
		}
		recipients = append(recipients, who)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read a notice: %w", err)
	}
	return recipients, nil
}

// checkNotice makes sure that a message is a report, and that nobody on the way sees that.
func checkNotice(d lab.Delivery, opened *lab.Opened) error {
	switch {
	case d.From != "":
		return fmt.Errorf("a notice has the sender %q", d.From)
	case !opened.Encrypted || bytes.Contains(d.Data, []byte("delivery-status")):
		return errors.New("it is a report outside, too")
	case !bytes.Contains(opened.Payload, []byte("report-type=delivery-status")) || opened.Signed:
		return fmt.Errorf("it is no unsigned report:\n%s", opened.Payload)
	}
	return nil
}

// statusPart returns the part for programs, which is the second one.
func statusPart(report []byte) ([]byte, error) {
	message, err := mail.ReadMessage(bytes.NewReader(report))
	if err != nil {
		return nil, err
	}
	_, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	parts := multipart.NewReader(message.Body, params["boundary"])
	if _, err := parts.NextPart(); err != nil {
		return nil, err
	}
	part, err := parts.NextPart()
	if err != nil {
		return nil, err
	}
	if part.Header.Get("Content-Type") != "message/delivery-status" {
		return nil, fmt.Errorf("the second part is %s", part.Header.Get("Content-Type"))
	}
	return io.ReadAll(part)
}

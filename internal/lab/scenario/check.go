package scenario

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sealmilter/internal/lab"
)

// check compares what has arrived with what the case wants.
func (w *World) check(ctx context.Context, c *Case, arrived []lab.Delivery) error {
	var failures []error
	mailboxes := map[string][]lab.Delivery{}
	for _, d := range arrived {
		mailboxes[d.To] = append(mailboxes[d.To], d)
		if len(d.Recipients) != 1 {
			failures = append(failures, fmt.Errorf("one copy went to several recipients: %q", d.Recipients))
		}
	}
	for mailbox, forms := range c.mailboxes {
		if got := len(mailboxes[mailbox]); got != len(forms) {
			failures = append(failures, fmt.Errorf("mailbox %s got %d messages, not %d", mailbox, got, len(forms)))
			continue
		}
		mailboxes[mailbox] = c.inOrder(mailboxes[mailbox], forms)
		for i, f := range forms {
			if err := w.checkDelivery(ctx, c, mailboxes[mailbox][i], f); err != nil {
				failures = append(failures, fmt.Errorf("mailbox %s, message %d: %w\n--- received\n%s", mailbox, i+1, err,
					excerpt(mailboxes[mailbox][i].Data)))
			}
		}
	}
	failures = append(failures, w.checkEnvelopes(c, mailboxes))
	for mailbox := range mailboxes {
		if c.mailboxes[mailbox] == nil {
			failures = append(failures, fmt.Errorf("mailbox %s got something:\n%s", mailbox, excerpt(mailboxes[mailbox][0].Data)))
		}
	}
	return errors.Join(failures...)
}

func excerpt(message []byte) []byte { return message[:min(len(message), 4000)] }

// checkDelivery opens one message as its recipient would.
func (w *World) checkDelivery(ctx context.Context, c *Case, d lab.Delivery, want form) error {
	opened, err := w.gpg.Open(ctx, d.Data)
	if err != nil {
		return err
	}
	if err := checkTexts(c, d, opened); err != nil {
		return err
	}
	original := c.messages[want.message]
	if err := checkOthersHidden(c, d, opened, original); err != nil {
		return err
	}
	switch want.kind {
	case "notice":
		if _, err := w.undelivered(ctx, d, want.also); err != nil {
			return err
		}
		return checkNothingOutside(opened.Payload, original)
	case "encrypted":
		if !opened.Encrypted {
			return errors.New("it is not encrypted")
		}
		if err := w.checkReaders(ctx, opened, append([]string{cmp.Or(want.reader, d.To)}, want.also...)); err != nil {
			return err
		}
		if err := checkNothingOutside(d.Data, original); err != nil {
			return err
		}
	case "untouched":
		return compareLeaves(d.Data, original)
	case "signed":
		if opened.Encrypted {
			return errors.New("it is encrypted")
		}
	case "report", "bounce":
		if !bytes.Contains(d.Data, []byte("multipart/report")) || d.From != "" {
			return fmt.Errorf("it is no report from the null sender but from %q", d.From)
		}
		if want.kind == "bounce" {
			return nil
		}
		return checkNothingOutside(d.Data, original)
	}
	if want.signer != "" {
		if err := w.checkSigner(ctx, opened, want.signer); err != nil {
			return err
		}
	} else if opened.Signed {
		return errors.New("it is signed")
	}
	if err := checkHeader(d.Data, opened.Payload, original); err != nil {
		return err
	}
	if introduced, told := c.introduced[d.To]; told {
		if err := w.checkIntroduced(ctx, d, opened, introduced); err != nil {
			return err
		}
	}
	return compareLeaves(opened.Payload, original)
}

// checkTexts looks for what the case wants hidden, outside or inside.
func checkTexts(c *Case, d lab.Delivery, opened *lab.Opened) error {
	header, _, _ := bytes.Cut(d.Data, []byte("\r\n\r\n"))
	for _, h := range c.hidden {
		if h[0] == d.To && (bytes.Contains(d.Data, []byte(h[1])) || bytes.Contains(opened.Payload, []byte(h[1]))) {
			return fmt.Errorf("%q is not hidden", h[1])
		}
	}
	for _, o := range c.outside {
		if o[0] == d.To && !bytes.Contains(append(header, "\r\n"...), []byte("\r\n"+o[1]+"\r\n")) {
			return fmt.Errorf("there is no line %q outside", o[1])
		}
	}
	for _, i := range c.inside {
		if i[0] != d.To {
			continue
		}
		if !bytes.Contains(opened.Payload, []byte(i[1])) {
			return fmt.Errorf("%q is not inside", i[1])
		}
		if opened.Encrypted && bytes.Contains(d.Data, []byte(i[1])) {
			return fmt.Errorf("%q is outside", i[1])
		}
	}
	return nil
}

// Open decrypts and verifies what has arrived, as [lab.GPG.Open] does, with everybody's keys.
func (w *World) Open(ctx context.Context, d lab.Delivery) (*lab.Opened, error) {
	return w.gpg.Open(ctx, d.Data)
}

// checkReaders makes sure that there is one session key packet for each reader, in their order, and no other.
func (w *World) checkReaders(ctx context.Context, opened *lab.Opened, readers []string) error {
	if len(opened.Recipients) != len(readers) {
		return fmt.Errorf("it has %d session key packets, not %d: %q", len(opened.Recipients), len(readers), opened.Recipients)
	}
	for i, reader := range readers {
		theirs, err := w.gpg.KeyIDs(ctx, "<"+reader+">")
		if err != nil {
			return err
		}
		if !slices.Contains(theirs, opened.Recipients[i]) {
			return fmt.Errorf("its session key %d is for %s, the keys of %s are %q", i+1, opened.Recipients[i], reader, theirs)
		}
	}
	return nil
}

func (w *World) checkSigner(ctx context.Context, opened *lab.Opened, signer string) error {
	ids, err := w.gpg.KeyIDs(ctx, "<"+signer+">")
	if err != nil {
		return err
	}
	for _, id := range ids {
		if opened.Signer != "" && strings.HasSuffix(opened.Signer, id) {
			return nil
		}
	}
	return fmt.Errorf("it is signed by %q, not by %s (%q)", opened.Signer, signer, ids)
}

// checkNothingOutside makes sure that no line of the message's body or its Subject can be read in the raw bytes.
func checkNothingOutside(raw, original []byte) error {
	const enough = 100 // lines; each is searched for in the whole message
	header, body, _ := bytes.Cut(original, []byte("\r\n\r\n"))
	secrets := bytes.SplitN(body, []byte("\r\n"), enough)
	secrets = secrets[:min(len(secrets), enough-1)]
	for line := range bytes.SplitSeq(header, []byte("\r\n")) {
		if subject, found := bytes.CutPrefix(line, []byte("Subject: ")); found {
			secrets = append(secrets, subject)
		}
	}
	for _, secret := range secrets {
		if secret = bytes.TrimSpace(secret); len(secret) >= 10 && bytes.Contains(raw, secret) && !structural(secret) {
			return fmt.Errorf("the clear text %q is in it", secret)
		}
	}
	return nil
}

// structural lines of MIME may stand outside by chance.
func structural(line []byte) bool {
	return bytes.HasPrefix(line, []byte("Content-")) || bytes.HasPrefix(line, []byte("--")) || bytes.Equal(line, []byte("MIME-Version: 1.0"))
}

// checkOthersHidden makes sure that no copy tells of a recipient who is not in the message's own To and Cc.
func checkOthersHidden(c *Case, d lab.Delivery, opened *lab.Opened, original []byte) error {
	header, _, _ := bytes.Cut(original, []byte("\r\n\r\n"))
	visible := strings.ToLower(withoutField(string(header), "bcc"))
	for _, line := range c.dialogue {
		_, rest, found := strings.Cut(line, "> RCPT TO:<")
		if !found {
			continue
		}
		other := strings.ToLower(rest[:strings.LastIndexByte(rest, '>')])
		if strings.EqualFold(other, d.To) || strings.Contains(visible, other) {
			continue
		}
		for _, text := range [][]byte{d.Data, opened.Payload} {
			if bytes.Contains(bytes.ToLower(text), []byte(other)) {
				return fmt.Errorf("it tells of the hidden recipient %s", other)
			}
		}
	}
	return nil
}

func withoutField(header, name string) string {
	var kept []string
	skip := false
	for line := range strings.SplitSeq(header, "\r\n") {
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			skip = strings.HasPrefix(strings.ToLower(line), name+":")
		}
		if !skip {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\r\n")
}

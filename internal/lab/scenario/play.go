package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sealmilter/internal/lab"
)

// Play runs a case and returns what was not as it should be. The errors of a case are joined into one; its text has
// the logs of milter and MTA.
func (w *World) Play(ctx context.Context, c *Case, mta MTA) (err error) {
	before := len(w.Sink.Deliveries())
	if err := w.directory.become("up"); err != nil {
		return err
	}
	w.refusals.lift(w.Sink)
	if c, err = w.fill(ctx, c); err != nil {
		return err
	}
	milter, err := w.Serve(ctx, c.Name, c.config)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, milter.Stop(ctx))
		if err != nil {
			err = fmt.Errorf("%w\n--- milter\n%s\n--- MTA\n%s", err, milter.Log(), lastLines(mta.Log(), 40))
		}
	}()
	p := player{ctx: ctx, c: c, mta: mta, world: w}
	if err := p.run(); err != nil {
		return err
	}
	if err := mta.WaitEmpty(ctx); err != nil {
		return err
	}
	return w.check(ctx, c, w.Sink.Deliveries()[before:])
}

// player is the client of one case.
type player struct {
	ctx    context.Context
	c      *Case
	mta    MTA
	client *lab.Client
	reply  lab.Reply

	world *World
}

func (p *player) run() error {
	defer func() {
		if p.client != nil {
			p.client.Drop() // a milter that is told to stop waits for its clients
		}
	}()
	for _, line := range p.c.dialogue {
		say, text, _ := strings.Cut(line, " ")
		var err error
		switch say {
		case ">":
			err = p.say(text)
		case "<":
			err = p.hear(text)
		case "!":
			err = p.arrange(text)
		default:
			err = errors.New("it begins with none of >, < and ! as a word")
		}
		if err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
	}
	if p.client != nil {
		return p.client.Quit()
	}
	return nil
}

func (p *player) say(text string) (err error) {
	words := strings.Fields(text)
	if words[0] == "sendmail" {
		return p.sendmail(words[1:])
	}
	if words[0] == "CONNECT" {
		p.client, err = lab.DialAs(p.ctx, words[2], p.mta.SubmissionAddr())
		return err
	}
	if p.client == nil {
		if p.client, err = lab.Dial(p.ctx, p.mta.SubmissionAddr()); err != nil {
			return err
		}
	}
	switch {
	case words[0] == "AUTH":
		p.reply, err = p.client.AuthPlain(words[1], words[1])
		if err == nil && p.reply.Code != 235 {
			err = fmt.Errorf("cannot log in: %s", p.reply)
		}
	case words[0] == "DATA" && len(words) > 1:
		var message []byte
		if message, err = p.message(words[1]); err == nil {
			p.reply, err = p.client.Data(message)
		}
	case words[0] == "QUIT":
		err = p.client.Quit()
		p.client = nil
	case words[0] == "DROP":
		p.client.Drop()
		p.client = nil
	default:
		p.reply, err = p.client.Command(text)
	}
	return err
}

// sendmail has sendmail(1) called by root, or after the words "as" and a name by another user.
func (p *player) sendmail(words []string) error {
	user := ""
	if words[0] == "as" {
		user, words = words[1], words[2:]
	}
	message, err := p.message(words[0])
	switch {
	case err != nil:
		return err
	case user == "":
		return p.mta.Sendmail(p.ctx, message, words[1:]...)
	}
	mta, able := p.mta.(interface {
		SendmailAs(ctx context.Context, user string, message []byte, args ...string) error
	})
	if !able {
		return errors.New("this MTA has no sendmail(1) for other users")
	}
	return mta.SendmailAs(p.ctx, user, message, words[1:]...)
}

func (p *player) message(section string) ([]byte, error) {
	message, found := p.c.messages[section]
	if !found {
		return nil, fmt.Errorf("the case has no section %q", section)
	}
	return message, nil
}

// arrange changes what is around the client.
func (p *player) arrange(text string) error {
	if text == "the queue is empty" {
		return p.mta.WaitEmpty(p.ctx)
	}
	if recipient, reply, found := strings.Cut(text, " is refused "); found {
		p.world.refusals.add(p.world.Sink, recipient, reply)
		return nil
	}
	return p.world.directory.become(strings.TrimPrefix(text, "the directory is "))
}

// hear checks the last reply: its code, and every further word of the line as one text.
func (p *player) hear(want string) error {
	code, text, _ := strings.Cut(want, " ")
	if fmt.Sprint(p.reply.Code) != code || !strings.Contains(p.reply.String(), text) {
		return fmt.Errorf("heard %q", p.reply)
	}
	return nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

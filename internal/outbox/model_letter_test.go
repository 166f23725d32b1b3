package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// content is all that tells one message from another.
type content struct {
	sender, login, user string
	id                  string // Message-ID, "" if the client makes none
	date                string // tells messages without an id apart
	subject, body       string
}

// kind is all letters with one content. The ledger cannot tell them apart, and need not but for their number.
type kind struct {
	content
	got     map[string]int // copies in the queue, and notices that there is none, by recipient
	told    map[string]int // letters whose client was told yes, by recipient
	records map[string]*entry
	// forgotten are the entries that were deleted, and come back if the power is lost before the next flush.
	forgotten map[string]*entry
}

// entry is what the ledger must know of a copy.
type entry struct {
	at, expires int64
	// lapsed says that the clock has been at the end of the entry or beyond, or before its beginning: then it need not
	// count. rewound says that the clock has gone backwards: then it may count all the same.
	lapsed, rewound bool
	// unflushed says that the entry is lost with the power, or is again what it was before.
	unflushed bool
}

// letter is one message of one client, who tries until he is told.
type letter struct {
	mark string
	kind *kind
	to   []string

	over  bool // the client was told, or has given up
	tries int
	try   *try // the one in work
}

// try is one try of a letter, as the gate makes it.
type try struct {
	host    *host
	attempt *outbox.Attempt
	env     *mail.Envelope
	ctx     context.Context
	cancel  context.CancelFunc

	leave  []string
	stay   string   // "" if nobody is left for the message itself
	failed []string // whom the sender must be told of
}

// shipment is what is being sent: a letter's copy, or a notice about some of its recipients.
type shipment struct {
	mark  string
	kind  *kind
	host  *host
	to    string
	about []string
	// recorded says that it is on record, all of it.
	recorded bool
}

// names are those of the entries that the ledger must have of it.
func (s *shipment) names() []string {
	if s.about == nil {
		return []string{s.to}
	}
	names := []string{noticeAbout(s.about)}
	for _, to := range s.about {
		names = append(names, toldOf(to))
	}
	return names
}

func noticeAbout(about []string) string { return "the notice about " + strings.Join(about, ", ") }

func toldOf(to string) string { return "that the sender was told of " + to }

// message is the letter as the MTA shows it at this try: with fields of the way that differ from try to try.
func (l *letter) message(t testing.TB) *mail.Message {
	k := l.kind
	header := fmt.Sprintf("Received: try %d of %s\r\nSubject: %s\r\n", l.tries, l.mark, k.subject)
	env := &mail.Envelope{Sender: modelAddr(t, k.sender), Login: k.login, User: k.user, QueueID: fmt.Sprintf("4Q%s%d", l.mark, l.tries)}
	if k.id != "" {
		header += fmt.Sprintf("Message-ID: %s\r\nDate: try %d\r\n", k.id, l.tries)
	} else {
		header += fmt.Sprintf("Date: %s\r\nMessage-Id: <2026.%s@mx>\r\n", k.date, env.QueueID)
	}
	h, body := mail.SplitMessage([]byte(header + "\r\n" + k.body))
	return &mail.Message{Envelope: env, Header: h, Body: body}
}

func modelAddr(t testing.TB, s string) mail.Addr {
	a, err := mail.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func modelRecipient(t testing.TB, s string) mail.Recipient {
	return mail.Recipient{Addr: modelAddr(t, s), Raw: "<" + s + ">"}
}

// begin starts a try on a host.
func (w *world) begin(l *letter, h *host) {
	l.tries++
	m := l.message(w.t)
	id := outbox.Identify(m)
	ctx, cancel := context.WithCancel(w.t.Context())
	if len(l.to) == 1 {
		// One copy is the message itself, unless it was sent before: that ends in an attempt.
		w.mu.Unlock()
		recorded, err := h.outbox.Recorded(ctx, id, modelRecipient(w.t, l.to[0]))
		w.mu.Lock()
		switch {
		case err != nil:
			cancel()
			w.say("%s is deferred: %v", l.mark, err)
			return
		case !recorded:
			cancel()
			w.answer(l, &try{stay: l.to[0]})
			return
		}
	}
	busy := false
	for _, other := range w.letters {
		busy = busy || other.kind == l.kind && other.try != nil
	}
	w.mu.Unlock()
	a, err := h.outbox.Begin(ctx, id)
	w.mu.Lock()
	switch {
	case busy && err == nil:
		w.fault("%s begins while the same message is in work: %v", l.mark, err)
	case !busy && errors.Is(err, outbox.ErrBusy):
		w.fault("%s is busy for ever", l.mark)
	}
	if err != nil {
		cancel()
		w.say("%s is deferred: %v", l.mark, err)
		return
	}
	l.try = &try{host: h, attempt: a, env: m.Envelope, ctx: ctx, cancel: cancel}
	for i := len(l.to) - 1; i >= 0; i-- {
		switch to := l.to[i]; {
		case a.Sent(modelRecipient(w.t, to)):
			w.suppressed(l, to)
		case a.Told(modelRecipient(w.t, to)):
			w.suppressed(l, toldOf(to))
		case l.try.stay == "":
			l.try.stay = to
		default:
			l.try.leave = append(l.try.leave, to)
		}
	}
	w.say("%s begins: %v leave, %q stays", l.mark, l.try.leave, l.try.stay)
}

// send sends the next copy of a try, as the MTA takes it.
func (w *world) send(l *letter, m manner) {
	y := l.try
	to := y.leave[0]
	err := w.ship(l, &shipment{mark: l.mark, kind: l.kind, host: y.host, to: to}, m)
	var refusal *mail.Failure
	switch {
	case err == nil:
		y.leave = y.leave[1:]
	case errors.As(err, &refusal) && !refusal.Temporary() && y.attempt.Any():
		y.leave, y.failed = y.leave[1:], append(y.failed, to)
		w.say("%s for %s is refused, and the sender to be told", l.mark, to)
	default:
		w.refuse(l, refusal)
	}
}

// notify tells the sender of a letter who gets none.
func (w *world) notify(l *letter, m manner) {
	y := l.try
	sender := modelRecipient(w.t, l.kind.sender)
	if y.attempt.NoticeSent(sender, noticeAbout(y.failed)) {
		w.suppressed(l, noticeAbout(y.failed))
		y.failed = nil
		return
	}
	err := w.ship(l, &shipment{mark: l.mark, kind: l.kind, host: y.host, to: l.kind.sender, about: y.failed}, m)
	var refusal *mail.Failure
	if err != nil {
		errors.As(err, &refusal)
		w.refuse(l, refusal)
		return
	}
	y.failed = nil
}

// refuse ends a try whose client is told no, or to come again.
func (w *world) refuse(l *letter, refusal *mail.Failure) {
	if refusal != nil && !refusal.Temporary() {
		w.say("%s is refused", l.mark)
		l.over = true
	}
	w.end(l)
}

// ship sends a copy or a notice.
func (w *world) ship(l *letter, s *shipment, m manner) error {
	y := l.try
	w.relay.behave(m)
	if m == answersLate || m == losesLate {
		held, answer := w.relay.held, w.relay.answer
		done, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			select {
			case <-held:
			case <-done: // the copy has not come so far
			}
			y.cancel()
			close(answer)
		}()
		defer func() {
			close(done)
			<-stopped
		}()
	}
	c := outbox.Copy{To: modelRecipient(w.t, s.to), Header: mail.Header{{Name: "Subject", Value: " [...]"}},
		Body: strings.NewReader("mark " + l.mark + "\r\n")}
	if s.about != nil {
		c.Notice = noticeAbout(s.about)
		for _, to := range s.about {
			c.About = append(c.About, modelRecipient(w.t, to))
		}
	}
	w.shipment = s
	w.mu.Unlock()
	err := y.attempt.Send(y.ctx, y.env, c)
	w.mu.Lock()
	w.shipment = nil
	if err != nil {
		w.say("%s for %s is not sent with manner %d, mishap %d: %v", l.mark, s.names()[0], m, y.host.mishap, err)
		return err
	}
	w.say("%s for %s is sent", l.mark, s.names()[0])
	if !s.recorded {
		w.fault("%s for %s counts as sent and is not on record", l.mark, s.names()[0])
	}
	return nil
}

// finish closes a try, and answers if that is on record.
func (w *world) finish(l *letter) {
	y := l.try
	w.closing = l.kind
	w.mu.Unlock()
	err := y.attempt.Finish(y.ctx)
	w.mu.Lock()
	w.closing = nil
	if err != nil {
		w.say("%s is deferred at its end: %v", l.mark, err)
		w.end(l)
		return
	}
	w.say("%s is finished", l.mark)
	if w.unflushed(l.kind) || len(l.kind.forgotten) > 0 {
		w.fault("%s is finished, and a loss of power would undo that", l.mark)
	}
	if y.host.dead {
		return
	}
	w.end(l)
	w.answer(l, y)
}

// end gives a try up without an answer, or after one.
func (w *world) end(l *letter) {
	if y := l.try; y != nil && !y.host.dead {
		w.mu.Unlock()
		y.attempt.End()
		w.mu.Lock()
		y.cancel()
		l.try = nil
	}
}

// answer is what comes after the milter's yes: the MTA queues the message itself, or fails, and the client hears of it,
// or does not.
func (w *world) answer(l *letter, y *try) {
	outcome := 0
	if !w.healing {
		outcome = w.choose(4)
	}
	if outcome == 1 {
		w.say("the MTA fails behind the end of %s", l.mark)
		return
	}
	if y.stay != "" {
		l.kind.got[y.stay]++
	}
	if outcome == 2 {
		w.say("the client of %s does not hear the answer", l.mark)
		return
	}
	w.say("%s is told yes", l.mark)
	l.over = true
	for _, to := range l.to {
		l.kind.told[to]++
	}
}

package outbox_test

import (
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"
)

// world is some hosts with one ledger, their MTA, a clock, and clients with letters. What happens in it is chosen by
// octets. The model in it knows what each recipient has got and what each client was told, and so what the ledger must
// know; it uses none of the outbox's own records.
type world struct {
	t       testing.TB
	choices []byte
	ledgers *ledgers
	relay   *relay
	name    string // tells its letters from those of other worlds
	hosts   []*host
	letters []*letter
	kinds   []*kind
	clock   int64 // in seconds since 1970
	healing bool

	// mu is held by the goroutine of the history, save while it waits for the outbox.
	mu sync.Mutex
	// What is being sent and what is being closed, nil for nothing.
	shipment *shipment
	closing  *kind

	told   []string
	faults []string
}

const (
	modelHour = int64(time.Hour / time.Second)
	modelDay  = 24 * modelHour
)

func (w *world) now() time.Time { return time.Unix(w.clock, 0) }

func (w *world) say(format string, args ...any) {
	w.told = append(w.told, fmt.Sprintf(format, args...))
}

func (w *world) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.faults = append(w.faults, text)
	w.say("FAULT: %s", text)
}

// choose takes a choice among n. Behind the last choice it is 0.
func (w *world) choose(n int) int {
	if len(w.choices) == 0 {
		return 0
	}
	c := int(w.choices[0]) % n
	w.choices = w.choices[1:]
	return c
}

// queued is the relay's: a copy is in the queue.
func (w *world) queued(mark, to string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.shipment
	if s == nil || s.mark != mark || s.to != to {
		w.fault("a copy of %s for %s, when it was not sent", mark, to)
		return
	}
	if e := s.kind.records[s.names()[0]]; e != nil && !e.lapsed {
		w.fault("%s for %s is sent again, although it is on record", mark, s.names()[0])
	}
	if s.host.unrecorded {
		w.fault("%s for %s is sent, although the ledger takes no records", mark, to)
	}
	if w.unflushed(s.kind) {
		w.fault("%s for %s is sent before the record of the last copy is safe", mark, to)
	}
	if s.about == nil {
		s.kind.got[to]++
	}
	for _, to := range s.about {
		s.kind.got[to]++
	}
}

// recorded is the ledger's: what is being sent is on record.
func (w *world) recorded(copies int, expires time.Time) {
	s := w.shipment
	if s == nil && w.closing != nil {
		w.reopened(expires)
		return
	}
	if s == nil || copies != len(s.names()) {
		w.fault("a record of %d copies, while %+v is sent", copies, s)
		return
	}
	s.recorded = true
	w.counts(s.kind, expires)
	for _, name := range s.names() {
		s.kind.records[name] = &entry{at: w.clock, expires: expires.Unix(), unflushed: true}
	}
}

// counts checks for how long a record of an unfinished message counts.
func (w *world) counts(k *kind, expires time.Time) {
	span := modelHour
	if k.id != "" {
		span = 5 * modelDay
	}
	if expires.Unix() != w.clock+span {
		w.fault("a record counts for %d seconds", expires.Unix()-w.clock)
	}
}

// reopened is the ledger's: a message could not be finished, and its records count as before.
func (w *world) reopened(expires time.Time) {
	k := w.closing
	w.counts(k, expires)
	maps.Copy(k.records, k.forgotten)
	clear(k.forgotten)
	for _, e := range k.records {
		e.at, e.expires, e.unflushed = w.clock, expires.Unix(), true
	}
}

// expired is the ledger's: a finished message with a name is remembered for a while.
func (w *world) expired() {
	if w.closing == nil || w.closing.id == "" {
		w.fault("records expire of a message that is not finished, or has no name")
		return
	}
	for _, e := range w.closing.records {
		e.at, e.expires, e.unflushed = w.clock, w.clock+modelHour, true
	}
}

// forgotten is the ledger's: a finished message without a name is forgotten.
func (w *world) forgotten() {
	if w.closing == nil || w.closing.id != "" {
		w.fault("a message is forgotten that is not finished, or has a name")
		return
	}
	k := w.closing
	maps.Copy(k.forgotten, k.records)
	clear(k.records)
}

// flushed is the ledger's: what is written there is safe.
func (w *world) flushed() {
	w.ledgers.note()
	for _, k := range w.kinds {
		clear(k.forgotten)
		for _, e := range k.records {
			e.unflushed = false
		}
	}
}

// unflushed reports whether a loss of power would undo a record.
func (w *world) unflushed(k *kind) bool {
	for _, e := range k.records {
		if e.unflushed && !e.lapsed {
			return true
		}
	}
	return false
}

// losePower ends all hosts, and with them what was not flushed.
func (w *world) losePower() {
	w.say("the power is lost")
	w.ledgers.losePower(w.t, w.choose(256))
	for _, h := range w.hosts {
		h.die()
	}
	for _, k := range w.kinds {
		for to, e := range k.forgotten {
			if k.records[to] == nil {
				k.records[to] = e
			}
			e = k.records[to]
			e.lapsed, e.rewound = true, true
		}
		clear(k.forgotten)
		for _, e := range k.records {
			if e.unflushed {
				e.lapsed, e.rewound, e.unflushed = true, true, false
			}
		}
	}
	for _, h := range w.hosts {
		h.start()
	}
}

// suppressed checks that somebody who gets no copy has one.
func (w *world) suppressed(l *letter, to string) {
	switch e := l.kind.records[to]; {
	case e == nil:
		w.fault("%s for %s is swallowed: it was not sent, or is done with", l.mark, to)
	case w.clock >= e.expires && !e.rewound:
		w.fault("%s for %s is swallowed: the other one is long gone", l.mark, to)
	}
	w.say("%s for %s is left out", l.mark, to)
}

// turn moves the clock.
func (w *world) turn(seconds int64) {
	w.clock += seconds
	w.say("the clock moves by %d s", seconds)
	for _, k := range w.kinds {
		for _, e := range k.records {
			e.rewound = e.rewound || seconds < 0
			e.lapsed = e.lapsed || w.clock >= e.expires || w.clock < e.at
		}
	}
}

// write adds a letter: a new one, the twin of another, or one that differs from another in one thing.
func (w *world) write() {
	l := &letter{mark: fmt.Sprintf("%s.%d", w.name, len(w.letters))}
	c := content{sender: "alice@example.org", login: "alice", id: "<" + l.mark + "@client.example>", date: "today", subject: w.name, body: "b\r\n"}
	if w.choose(2) == 1 {
		c.id = ""
		c.date += " " + l.mark
	}
	if n := len(w.letters); n > 0 && w.choose(3) > 0 {
		like := w.letters[w.choose(n)].kind.content
		switch w.choose(9) {
		case 1:
			like.sender = "carol@example.org"
		case 2:
			like.login = "carol"
		case 3:
			like.id = c.id
		case 4:
			like.date += "x" // tells nothing where there is an id
		case 5:
			like.subject += "x"
		case 6:
			like.body += "x\r\n"
		case 7:
			like.user = "carol"
		}
		c = like
	}
	for _, k := range w.kinds {
		same := k.content
		if same.id != "" {
			same.date = c.date
		}
		if same == c {
			l.kind = k
		}
	}
	if l.kind == nil {
		l.kind = &kind{content: c, got: map[string]int{}, told: map[string]int{}, records: map[string]*entry{}, forgotten: map[string]*entry{}}
		w.kinds = append(w.kinds, l.kind)
	}
	all := []string{"r0@example.net", "r1@example.net", "r2@example.net", "r3@example.net"}
	first := w.choose(2)
	l.to = all[first : first+1+w.choose(len(all)-first)]
	w.letters = append(w.letters, l)
	w.say("%s is written: %q to %v", l.mark, l.kind.content, l.to)
}

// step does what is next for a letter.
func (w *world) step(l *letter) {
	switch y := l.try; {
	case l.over:
	case y == nil:
		h := w.hosts[0]
		if !w.healing {
			h = w.hosts[w.choose(len(w.hosts))]
		}
		w.begin(l, h)
	case len(y.leave) > 0:
		w.send(l, w.manner())
	case len(y.failed) > 0:
		w.notify(l, w.manner())
	default:
		w.finish(l)
	}
	for _, h := range w.hosts {
		h.mishap = nothing
		if h.dead {
			h.die()
			h.start()
		}
	}
}

// manner chooses how the MTA behaves: more often well than not.
func (w *world) manner() manner {
	if w.healing {
		return accepts
	}
	if c := w.choose(2 * int(manners)); c < int(manners) {
		return manner(c)
	}
	return accepts
}

// act lets one thing happen.
func (w *world) act() {
	if len(w.letters) == 0 {
		w.write()
		return
	}
	l := w.letters[w.choose(len(w.letters))]
	switch w.choose(10) {
	case 0:
		if len(w.letters) < 6 {
			w.write()
		}
	case 1:
		for range 4 {
			w.step(l)
		}
	case 2:
		h := w.hosts[w.choose(len(w.hosts))]
		h.mishap = mishap(w.choose(int(mishaps)))
		w.step(l)
	case 3:
		moves := []int64{30, modelHour / 3, modelHour + 60, 5*modelDay + 1, -30, -2 * modelHour, -6 * modelDay}
		w.turn(moves[w.choose(len(moves))])
	case 4:
		if n := w.choose(6); n < 5 {
			n %= len(w.hosts)
			w.hosts[n].die()
			w.hosts[n].start()
		} else {
			w.losePower()
		}
	case 5:
		if l.try != nil {
			w.say("the client of %s goes away", l.mark)
			l.try.cancel()
			w.end(l)
		}
	case 6:
		if l.try == nil && w.choose(4) == 0 {
			w.say("the client of %s gives up", l.mark)
			l.over = true
		}
	default:
		w.step(l)
	}
}

// heal lets everything work again, and every client be told.
func (w *world) heal() {
	w.say("all is well again")
	w.healing = true
	for _, l := range w.letters {
		if l.try != nil {
			l.try.cancel()
			w.end(l)
		}
	}
	for range 3 {
		for _, l := range w.letters {
			for range 8 {
				w.step(l)
			}
		}
	}
	for _, l := range w.letters {
		if !l.over {
			w.fault("%s never gets through", l.mark)
		}
	}
	for _, k := range w.kinds {
		for to, told := range k.told {
			if k.id != "" {
				told = min(told, 1)
			}
			if k.got[to] < told {
				w.fault("%d letters %q to %s were accepted, %d have come", told, k.content, to, k.got[to])
			}
		}
	}
}

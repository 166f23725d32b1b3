package campaign

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Finding is one broken promise, or one duplicate inside the in-flight window.
type Finding struct {
	// Kind is "lost", "leaked", "outside", "inside", "false refusal" or "unanswered".
	Kind string
	// Letter is the marker of the message, To the recipient, "" for all of them.
	Letter, To string
	// Why says what was seen.
	Why string
}

// String returns one line.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s to %s: %s", f.Kind, cmp.Or(f.Letter, "?"), cmp.Or(f.To, "all"), f.Why)
}

// Verdict is what a campaign has shown.
type Verdict struct {
	Seed             uint64
	Messages, Copies int
	// Kills are those of the milter, of its witness, and, KillsBoth of them, of the two together. KillsPostfix are those of
	// Postfix's processes.
	Kills, KillsBoth, KillsPostfix int
	// Lost copies, Leaked deliveries, and duplicates Outside the in-flight window.
	Lost, Leaked, Outside int
	// Inside are duplicates inside the in-flight window of a kill of milter and witness together, for one of them alone
	// is no excuse, and InsidePostfix those by kills of Postfix's processes. InsideNameless of both are of messages
	// without a Message-ID.
	Inside, InsidePostfix, InsideNameless int
	// FalseRefusals are messages or recipients that were refused for good without a reason, Unanswered those that were
	// never accepted though every fault was over.
	FalseRefusals, Unanswered int
	Findings                  []Finding
}

// Kept reports whether every promise was kept.
func (v *Verdict) Kept() bool {
	return v.Lost == 0 && v.Leaked == 0 && v.Outside == 0 && v.FalseRefusals == 0 && v.Unanswered == 0
}

// String is the one line.
func (v *Verdict) String() string {
	line := fmt.Sprintf("messages %d copies %d kills %d lost %d leaked %d duplicates outside %d inside %d (by %d kills of Postfix's processes %d) seed %d",
		v.Messages, v.Copies, v.Kills, v.Lost, v.Leaked, v.Outside, v.Inside, v.KillsPostfix, v.InsidePostfix, v.Seed)
	if v.FalseRefusals > 0 || v.Unanswered > 0 {
		line += fmt.Sprintf(" (and false refusals %d unanswered %d)", v.FalseRefusals, v.Unanswered)
	}
	return line
}

func (v *Verdict) add(n *int, f Finding) {
	*n++
	v.Findings = append(v.Findings, f)
}

// judge compares what was accepted with what has arrived, by the rules in the documentation of the package. Nobody uses
// the register any more.
func judge(r *register, t *trail) *Verdict {
	v := &Verdict{Messages: len(r.order), Copies: len(r.arrivals)}
	for _, k := range t.kills {
		switch {
		case k.both:
			v.Kills++
			v.KillsBoth++
		case k.ours:
			v.Kills++
		default:
			v.KillsPostfix++
		}
	}
	arrivals := map[[2]string][]arrival{} // by letter and recipient
	for _, a := range r.arrivals {
		if a.wrong != "" {
			v.add(&v.Leaked, Finding{"leaked", a.marker, a.to, a.wrong + ", queue file " + a.queueID})
		}
		if a.damaged != "" {
			v.add(&v.Lost, Finding{"lost", a.marker, a.to, "what arrived " + a.damaged + ", queue file " + a.queueID})
			continue
		}
		arrivals[[2]string{a.marker, a.to}] = append(arrivals[[2]string{a.marker, a.to}], a)
	}
	told := map[[2]string]bool{} // by Message-ID and recipient
	for _, n := range r.notices {
		for _, to := range n.failed {
			told[[2]string{n.messageID, to}] = true
		}
	}
	for _, rec := range r.order {
		messageIDs := map[string]bool{}
		for _, reader := range rec.readers() {
			for _, a := range arrivals[[2]string{rec.marker, reader.addr}] {
				messageIDs[a.messageID] = true
			}
		}
		attempts := t.attempts(messageIDs)
		for _, reader := range rec.readers() {
			v.judgeReader(rec, reader, attempts, arrivals[[2]string{rec.marker, reader.addr}], told[[2]string{rec.id, reader.addr}], t)
		}
		v.judgeAnswers(rec, arrivals)
	}
	return v
}

// judgeReader judges what one recipient of a letter has got.
func (v *Verdict) judgeReader(rec *record, reader recipient, attempts []*queueFile, got []arrival, told bool, t *trail) {
	due := rec.accepted[reader.addr]
	if told {
		due = 0
		if len(got) > 0 {
			v.add(&v.FalseRefusals, Finding{"false refusal", rec.marker, reader.addr, "a notice names the recipient, who got the letter"})
		}
	}
	if len(got) < due {
		v.add(&v.Lost, Finding{"lost", rec.marker, reader.addr,
			fmt.Sprintf("accepted %d times, arrived %d times, and no notice names the recipient", due, len(got))})
	}
	// Until it is accepted, a letter may be on its way all the same.
	extra := len(got) - max(due, 1)
	if extra <= 0 {
		return
	}
	// The last copy is the one that nobody has sent in vain.
	slices.SortFunc(got, func(a, b arrival) int { return cmp.Compare(t.opened(a), t.opened(b)) })
	var excuses []*kill
	var copies []string
	files := map[*queueFile]bool{}
	for i, a := range got {
		f := t.find(a.queueID, a.messageID)
		k := excuse(rec, attempts, f, t)
		if files[f] || i == len(got)-1 {
			k = nil // Postfix has delivered one file twice, or nothing came later
		}
		files[f] = true
		if k != nil {
			excuses = append(excuses, k)
			copies = append(copies, fmt.Sprintf("%s (kill %d)", a.queueID, k.number))
		} else {
			copies = append(copies, a.queueID)
		}
	}
	seen := fmt.Sprintf("accepted %d times, arrived as %s", rec.accepted[reader.addr], strings.Join(copies, ", "))
	for i := range extra {
		if i >= len(excuses) {
			v.add(&v.Outside, Finding{"outside", rec.marker, reader.addr, seen})
			continue
		}
		inside := &v.InsidePostfix
		if excuses[i].both {
			inside = &v.Inside
		}
		v.add(inside, Finding{"inside", rec.marker, reader.addr, fmt.Sprintf("%s, %s killed %s", seen, excuses[i].victim, excuses[i].aim)})
		if rec.id == "" {
			v.InsideNameless++
		}
	}
}

// opened returns the place in time of a delivery's queue file, never if that is not known.
func (t *trail) opened(a arrival) int {
	if f := t.find(a.queueID, a.messageID); f != nil {
		return f.opened
	}
	return never
}

// excuse returns the kill by which a copy could not be known as sent when it was sent once more, nil if there is none.
// Attempts are those of a letter without a Message-ID.
func excuse(rec *record, attempts []*queueFile, f *queueFile, t *trail) *kill {
	if f == nil {
		return nil
	}
	if k := t.struck(f); k != nil || rec.id != "" {
		return k
	}
	served := slices.DeleteFunc(rec.readers(), func(r recipient) bool { return r.may == nothing })
	return t.struckWhole(f, attempts, len(served))
}

// judgeAnswers judges what the sender of a letter was told.
func (v *Verdict) judgeAnswers(rec *record, arrivals map[[2]string][]arrival) {
	for _, reply := range rec.turnedDown {
		sent := 0
		for _, reader := range rec.readers() {
			sent += len(arrivals[[2]string{rec.marker, reader.addr}])
		}
		v.add(&v.FalseRefusals, Finding{"false refusal", rec.marker, "", fmt.Sprintf("%d copies have left, and the sender heard %q", sent, reply)})
	}
	for _, reader := range rec.readers() {
		reply, refused := rec.refused[reader.addr]
		switch {
		case refused && reader.may != nothing:
			v.add(&v.FalseRefusals, Finding{"false refusal", rec.marker, reader.addr, reply})
		case refused || rec.local || len(rec.turnedDown) > 0:
		case rec.accepted[reader.addr] == 0:
			v.add(&v.Unanswered, Finding{"unanswered", rec.marker, reader.addr, fmt.Sprintf("after %d tries: %s", rec.tries, rec.last)})
		}
	}
}

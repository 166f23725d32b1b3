package campaign

import (
	"fmt"
	"strings"
	"testing"
)

// history is a made-up log with its lines, and what was sent and what arrived.
type history struct {
	register
	*trail
}

func newHistory(log string) *history {
	h := &history{trail: newTrail()}
	for line := range strings.Lines(log) {
		h.trail.add("Nov 26 02:35:24 mx " + strings.TrimSpace(line))
	}
	return h
}

var (
	ada = recipient{"ada0@keyed.example", encrypted, false}
	ned = recipient{"ned0@plain.example", clear, false}
	sam = recipient{"sam0@strict.example", nothing, false}
)

// letter begins one to ada, ned and sam that was accepted so many times for the first two.
func (h *history) letter(id string, accepted int) *record {
	rec := h.begin(&letter{marker: "zymurgy-test-00001", id: id, to: []recipient{ada, ned, sam}, meant: 1})
	rec.accepted[ada.addr], rec.accepted[ned.addr] = accepted, accepted
	rec.refused[sam.addr] = "550 5.7.1 no key"
	rec.done = true
	return rec
}

func (h *history) arrive(to recipient, queueID, messageID string) {
	h.arrived(arrival{to: to.addr, queueID: queueID, messageID: messageID, marker: "zymurgy-test-00001"})
}

// verdict shortens a verdict to what must be so.
func (h *history) verdict() string {
	v := judge(&h.register, h.trail)
	return fmt.Sprintf("lost %d leaked %d outside %d inside %d refused %d unanswered %d", v.Lost, v.Leaked, v.Outside, v.Inside+v.InsidePostfix, v.FalseRefusals, v.Unanswered)
}

// The first try sends ada's copy C1; the second one sends it again as C2, and ned's in place as M2.
const (
	firstTry = `postfix/smtpd[10]: AAAAM1: client=localhost[127.0.0.1]
		postfix/cleanup[20]: AAAAM1: message-id=<a@client.example>
		postfix/sealmilter/smtpd[11]: AAAAC1: client=localhost[127.0.0.1]
		postfix/cleanup[21]: AAAAC1: message-id=<a@client.example>
		`
	firstEnds = `postfix/sealmilter/smtpd[11]: disconnect from localhost[127.0.0.1]
		postfix/smtpd[10]: disconnect from localhost[127.0.0.1]
		`
	secondTry = `postfix/smtpd[12]: AAAAM2: client=localhost[127.0.0.1]
		postfix/cleanup[22]: AAAAM2: message-id=<a@client.example>
		postfix/sealmilter/smtpd[13]: AAAAC2: client=localhost[127.0.0.1]
		postfix/cleanup[23]: AAAAC2: message-id=<a@client.example>
		postfix/sealmilter/smtpd[13]: disconnect from localhost[127.0.0.1]
		postfix/smtpd[12]: disconnect from localhost[127.0.0.1]
		`
)

func killMark(who string, process int) string {
	return fmt.Sprintf("%s: kill 1 begins %s %d at any time\n%[1]s: kill 1 done %[2]s %[3]d at any time\n", markAuthor, who, process)
}

func TestJudgeDuplicates(t *testing.T) {
	const inside, outside = "lost 0 leaked 0 outside 0 inside 1 refused 0 unanswered 0", "lost 0 leaked 0 outside 1 inside 0 refused 0 unanswered 0"
	for _, c := range []struct {
		name, log, want string
	}{
		{"no kill", firstTry + firstEnds + secondTry, outside},
		{"milter killed in flight", firstTry + killMark("milter", 5) + firstEnds + secondTry, outside},
		{"witness killed in flight", firstTry + killMark("witness", 5) + firstEnds + secondTry, outside},
		{"milter and witness killed in flight", firstTry + killMark("milter-and-witness", 5) + firstEnds + secondTry, inside},
		{"milter and witness killed later", firstTry + firstEnds + killMark("milter-and-witness", 5) + secondTry, outside},
		{"milter and witness killed before", killMark("milter-and-witness", 5) + firstTry + firstEnds + secondTry, outside},
		{"milter and witness killed when the next copy was on its way", firstTry + `postfix/sealmilter/smtpd[11]: AAAAC9: client=localhost[127.0.0.1]
			` + killMark("milter-and-witness", 5) + firstEnds + secondTry, outside},
		{"listener killed", firstTry + killMark("smtpd", 11) + secondTry, inside},
		{"another listener killed", firstTry + killMark("smtpd", 19) + firstEnds + secondTry, outside},
		{"front listener killed, not the one of the copy", firstTry + killMark("smtpd", 10) + firstEnds + secondTry, outside},
		{"listener taken away in flight", firstTry + markAuthor + ": " + removalBegins + "\n" + markAuthor + ": " + removalDone + "\n" + secondTry, inside},
		{"listener taken away later", firstTry + firstEnds + markAuthor + ": " + removalBegins + "\n" + markAuthor + ": " + removalDone + "\n" + secondTry, outside},
		{"cleanup killed", firstTry + killMark("cleanup", 21) + firstEnds + secondTry, inside},
		{"cleanup killed with another message", firstTry + `postfix/cleanup[21]: AAAAM1: message-id=<b@client.example>
			` + killMark("cleanup", 21) + firstEnds + secondTry, outside},
		{"the last copy in flight", firstTry + firstEnds + strings.Replace(secondTry, "postfix/sealmilter/smtpd[13]: disc", killMark("milter-and-witness", 5)+"postfix/sealmilter/smtpd[13]: disc", 1), outside},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHistory(c.log)
			h.letter("<a@client.example>", 1)
			h.arrive(ada, "AAAAC1", "<a@client.example>")
			h.arrive(ada, "AAAAC2", "<a@client.example>")
			h.arrive(ned, "AAAAM2", "<a@client.example>")
			if got := h.verdict(); got != c.want {
				t.Errorf("the verdict is %s, want %s", got, c.want)
			}
		})
	}
}

// TestJudgeMessageItself judges the copy that is the message itself, which only Postfix's own processes can send twice.
func TestJudgeMessageItself(t *testing.T) {
	const inside, outside = "lost 0 leaked 0 outside 0 inside 1 refused 0 unanswered 0", "lost 0 leaked 0 outside 1 inside 0 refused 0 unanswered 0"
	for _, c := range []struct {
		name, kill, want string
	}{
		{"milter", killMark("milter", 5), outside},
		{"milter and witness", killMark("milter-and-witness", 5), outside},
		{"listener", killMark("smtpd", 10), inside},
		{"cleanup", killMark("cleanup", 20), inside},
		{"loopback listener", killMark("smtpd", 11), outside},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHistory(firstTry + c.kill + firstEnds + secondTry)
			h.letter("<a@client.example>", 1)
			h.arrive(ada, "AAAAC1", "<a@client.example>")
			h.arrive(ned, "AAAAM1", "<a@client.example>")
			h.arrive(ned, "AAAAM2", "<a@client.example>")
			if got := h.verdict(); got != c.want {
				t.Errorf("the verdict is %s, want %s", got, c.want)
			}
		})
	}
}

// TestJudgeNameless has a letter without a Message-ID, of which Postfix makes one at each try.
func TestJudgeNameless(t *testing.T) {
	again := strings.ReplaceAll(secondTry, "<a@client.example>", "<b@mx.lab.test>")
	for _, c := range []struct {
		name, log, id, want string
	}{
		{"listener killed", firstTry + killMark("smtpd", 10) + firstEnds + again, "", "lost 0 leaked 0 outside 0 inside 2 refused 0 unanswered 0"},
		{"nobody killed", firstTry + firstEnds + again, "", "lost 0 leaked 0 outside 2 inside 0 refused 0 unanswered 0"},
		{"with a name", firstTry + killMark("smtpd", 10) + firstEnds + again, "<a@client.example>", "lost 0 leaked 0 outside 1 inside 1 refused 0 unanswered 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHistory(c.log)
			h.letter(c.id, 1)
			h.arrive(ada, "AAAAC1", "<a@client.example>")
			h.arrive(ned, "AAAAM1", "<a@client.example>")
			h.arrive(ada, "AAAAC2", "<b@mx.lab.test>")
			h.arrive(ned, "AAAAM2", "<b@mx.lab.test>")
			if got := h.verdict(); got != c.want {
				t.Errorf("the verdict is %s, want %s", got, c.want)
			}
		})
	}
}

// TestJudgeNamelessForgotten has the milter and its witness killed when it has forgotten such a letter, and nobody was
// told that it is sent.
func TestJudgeNamelessForgotten(t *testing.T) {
	again := strings.ReplaceAll(secondTry, "<a@client.example>", "<b@mx.lab.test>")
	const queued = "postfix/qmgr[1]: AAAAM1: from=<a@lab.test>, size=1, nrcpt=1 (queue active)\n"
	beforeAnswer := strings.Replace(firstEnds, "postfix/smtpd", killMark("milter-and-witness", 5)+"postfix/smtpd", 1)
	for _, c := range []struct {
		name, log, id, want string
	}{
		{"before the answer", firstTry + beforeAnswer + again, "", "lost 0 leaked 0 outside 0 inside 1 refused 0 unanswered 0"},
		{"of the milter alone", firstTry + strings.ReplaceAll(beforeAnswer, "milter-and-witness", "milter") + again, "", "lost 0 leaked 0 outside 1 inside 0 refused 0 unanswered 0"},
		{"after the answer", firstTry + firstEnds + killMark("milter-and-witness", 5) + again, "", "lost 0 leaked 0 outside 1 inside 0 refused 0 unanswered 0"},
		{"when the message was queued", firstTry + queued + beforeAnswer + again, "", "lost 0 leaked 0 outside 1 inside 0 refused 0 unanswered 0"},
		{"with a name", firstTry + beforeAnswer + again, "<a@client.example>", "lost 0 leaked 0 outside 1 inside 0 refused 0 unanswered 0"},
		{"with a copy to come", firstTry + beforeAnswer + again, "", "lost 1 leaked 0 outside 1 inside 0 refused 0 unanswered 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHistory(c.log)
			rec := h.letter(c.id, 1)
			if strings.HasPrefix(c.want, "lost 1") {
				rec.to = append(rec.to, recipient{"sue0@strict.example", encrypted, false})
				rec.accepted["sue0@strict.example"] = 1
			}
			h.arrive(ada, "AAAAC1", "<a@client.example>")
			h.arrive(ada, "AAAAC2", "<b@mx.lab.test>")
			h.arrive(ned, "AAAAM2", "<b@mx.lab.test>")
			if got := h.verdict(); got != c.want {
				t.Errorf("the verdict is %s, want %s", got, c.want)
			}
		})
	}
}

// TestJudgeNamelessInTwoTries has a first try that hands in ada's copy and is killed in the middle of the next one, and
// a second one that hands in the rest and is struck before it is answered: the third try knows of nothing.
func TestJudgeNamelessInTwoTries(t *testing.T) {
	const second = `postfix/smtpd[12]: AAAAM2: client=localhost[127.0.0.1]
		postfix/cleanup[22]: AAAAM2: message-id=<b@mx.lab.test>
		`
	const secondEnds = "postfix/smtpd[12]: disconnect from localhost[127.0.0.1]\n"
	third := strings.NewReplacer("AAAAC2", "AAAAC3", "AAAAM2", "AAAAM3", "a@client.example", "c@mx.lab.test").Replace(secondTry)
	for _, c := range []struct{ name, log, want string }{
		{"listener killed", firstTry + firstEnds + second + killMark("smtpd", 12) + third, "lost 0 leaked 0 outside 0 inside 2 refused 0 unanswered 0"},
		{"nobody killed", firstTry + firstEnds + second + secondEnds + third, "lost 0 leaked 0 outside 2 inside 0 refused 0 unanswered 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHistory(c.log)
			h.letter("", 1)
			h.arrive(ada, "AAAAC1", "<a@client.example>")
			h.arrive(ned, "AAAAM2", "<b@mx.lab.test>")
			h.arrive(ada, "AAAAC3", "<c@mx.lab.test>")
			h.arrive(ned, "AAAAM3", "<c@mx.lab.test>")
			if got := h.verdict(); got != c.want {
				t.Errorf("the verdict is %s, want %s", got, c.want)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	all := func(h *history) {
		h.arrive(ada, "AAAAC1", "<a@client.example>")
		h.arrive(ned, "AAAAM1", "<a@client.example>")
	}
	for _, c := range []struct {
		name string
		play func(h *history)
		want string
	}{
		{"all is well", func(h *history) { h.letter("<a@client.example>", 1); all(h) }, "lost 0 leaked 0 outside 0 inside 0 refused 0 unanswered 0"},
		{"one is lost", func(h *history) {
			h.letter("<a@client.example>", 1)
			h.arrive(ned, "AAAAM1", "<a@client.example>")
		}, "lost 1 leaked 0 outside 0 inside 0 refused 0 unanswered 0"},
		{"a notice tells of one", func(h *history) {
			h.letter("<a@client.example>", 1)
			h.arrive(ned, "AAAAM1", "<a@client.example>")
			h.noticed(notice{"<a@client.example>", []string{ada.addr}})
		}, "lost 0 leaked 0 outside 0 inside 0 refused 0 unanswered 0"},
		{"a notice tells of one who got it", func(h *history) {
			h.letter("<a@client.example>", 1)
			all(h)
			h.noticed(notice{"<a@client.example>", []string{ada.addr}})
		}, "lost 0 leaked 0 outside 0 inside 0 refused 1 unanswered 0"},
		{"a notice of another message", func(h *history) {
			h.letter("<a@client.example>", 1)
			h.arrive(ned, "AAAAM1", "<a@client.example>")
			h.noticed(notice{"<b@client.example>", []string{ada.addr}})
		}, "lost 1 leaked 0 outside 0 inside 0 refused 0 unanswered 0"},
		{"the second of two equal ones is swallowed", func(h *history) { h.letter("", 2); all(h) }, "lost 2 leaked 0 outside 0 inside 0 refused 0 unanswered 0"},
		{"both of two equal ones", func(h *history) {
			h.letter("", 2)
			all(h)
			h.arrive(ada, "AAAAC2", "<a@client.example>")
			h.arrive(ned, "AAAAM2", "<a@client.example>")
		}, "lost 0 leaked 0 outside 0 inside 0 refused 0 unanswered 0"},
		{"one file twice", func(h *history) { h.letter("<a@client.example>", 1); all(h); all(h) }, "lost 0 leaked 0 outside 2 inside 0 refused 0 unanswered 0"},
		{"a copy of which the log knows nothing", func(h *history) {
			h.letter("<a@client.example>", 1)
			all(h)
			h.arrive(ada, "AAAAXX", "<a@client.example>")
		}, "lost 0 leaked 0 outside 1 inside 0 refused 0 unanswered 0"},
		{"clear text", func(h *history) {
			h.letter("<a@client.example>", 1)
			h.arrive(ned, "AAAAM1", "<a@client.example>")
			h.arrived(arrival{to: ada.addr, queueID: "AAAAC1", messageID: "<a@client.example>", marker: "zymurgy-test-00001", wrong: "it is in clear text"})
		}, "lost 0 leaked 1 outside 0 inside 0 refused 0 unanswered 0"},
		{"damaged", func(h *history) {
			h.letter("<a@client.example>", 1)
			all(h)
			h.arrived(arrival{to: ada.addr, queueID: "AAAAC2", messageID: "<a@client.example>", marker: "zymurgy-test-00001", damaged: "is empty"})
		}, "lost 1 leaked 0 outside 0 inside 0 refused 0 unanswered 0"},
		{"refused when copies had left", func(h *history) {
			rec := h.letter("<a@client.example>", 0)
			rec.turnedDown = []string{"554 5.6.0 no"}
			h.arrive(ada, "AAAAC1", "<a@client.example>")
		}, "lost 0 leaked 0 outside 0 inside 0 refused 1 unanswered 0"},
		{"a recipient is refused without a reason", func(h *history) {
			h.letter("<a@client.example>", 1).refused[ada.addr] = "550 5.7.1 no key"
			all(h)
		}, "lost 0 leaked 0 outside 0 inside 0 refused 1 unanswered 0"},
		{"deferred for ever", func(h *history) { h.letter("<a@client.example>", 0) }, "lost 0 leaked 0 outside 0 inside 0 refused 0 unanswered 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHistory(firstTry + firstEnds + secondTry)
			c.play(h)
			if got := h.verdict(); got != c.want {
				t.Errorf("the verdict is %s, want %s", got, c.want)
			}
		})
	}
}

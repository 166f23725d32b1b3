package campaign

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// queueFile is what the log tells of one file of Postfix's queue. Places in time are lines of the log.
type queueFile struct {
	id string
	// isCopy says that it came through the loopback listener. Otherwise it is a message at its first listener, or from
	// pickup(8).
	isCopy bool
	// listener is the smtpd(8) or pickup(8) that opened the file, cleanup the process that wrote it, 0 while it has not
	// said so.
	listener, cleanup int
	messageID         string
	queued            bool
	// From opened on the file is in flight for its listener until left, and for its cleanup until closed: then that process
	// has turned to something else.
	opened, left, closed int
}

// never is later than every line.
const never = math.MaxInt

// kill is one kill -9. It happened after the line begun and before the line done.
type kill struct {
	number int
	victim victim
	// ours says that it was one of the milter or its witness, and both that it was one of the two together.
	ours, both  bool
	process     int
	aim         string // what it was aimed at, in words
	begun, done int
}

// trail is what Postfix's log tells, with the marks of the kills in it. It is safe for concurrent use.
type trail struct {
	mu        sync.Mutex
	line      int
	files     map[string][]*queueFile // by queue id, which may be used again
	messages  map[string][]*queueFile // those that are no copies, by Message-ID
	copies    map[string]int          // how many there are, by Message-ID
	listening map[int]*queueFile      // by listener, while in flight
	writing   map[int]*queueFile      // by cleanup, while in flight
	kills     []*kill
	removals  []*kill // of the loopback listener, whose processes master(8) ends
}

func newTrail() *trail {
	return &trail{files: map[string][]*queueFile{}, messages: map[string][]*queueFile{}, copies: map[string]int{},
		listening: map[int]*queueFile{}, writing: map[int]*queueFile{}}
}

// What the marks say of a removal of the loopback listener.
const (
	removalBegins = "listener removal begins"
	removalDone   = "listener removal done"
)

// markAuthor is who writes the marks, in the form of Postfix's own programs.
const markAuthor = "campaign[1]"

var (
	logLine = regexp.MustCompile(`^\S+ +\S+ \S+ \S+ (\S+)\[(\d+)\]: (.*)$`)
	aboutID = regexp.MustCompile(`^([0-9A-Za-z]{6,}): (client=|uid=|message-id=(.*)|from=.*\(queue active\))`)
	mark    = regexp.MustCompile(`^kill (\d+) (begins|done) (\S+) (\d+) (.*)$`)
)

// add reads one line, and returns the moment that it stands for, "" for none.
func (t *trail) add(line string) (moment, seen) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line++
	parts := logLine.FindStringSubmatch(line)
	if parts == nil {
		return "", seen{}
	}
	program, text := parts[1], parts[3]
	process, err := strconv.Atoi(parts[2])
	if err != nil {
		return "", seen{}
	}
	if program+"["+parts[2]+"]" == markAuthor {
		t.addMark(text)
		return "", seen{}
	}
	if strings.HasPrefix(text, "disconnect from") {
		t.leave(process)
		return "", seen{}
	}
	about := aboutID.FindStringSubmatch(text)
	if about == nil {
		return "", seen{}
	}
	switch what := about[2]; {
	case what == "client=" || what == "uid=":
		return t.open(about[1], process, strings.Contains(program, "/sealmilter/"))
	case strings.HasPrefix(what, "message-id="):
		return t.read(about[1], process, about[3])
	default:
		return t.queued(about[1])
	}
}

func (t *trail) open(id string, process int, isCopy bool) (moment, seen) {
	t.leave(process)
	f := &queueFile{id: id, isCopy: isCopy, listener: process, opened: t.line, left: never, closed: never}
	t.files[id] = append(t.files[id], f)
	t.listening[process] = f
	if isCopy {
		return copyOpened, seen{listener: process}
	}
	return frontOpened, seen{listener: process}
}

// leave notes that a listener has turned to something else.
func (t *trail) leave(process int) {
	if f := t.listening[process]; f != nil {
		f.left = t.line
		delete(t.listening, process)
	}
}

func (t *trail) read(id string, process int, messageID string) (moment, seen) {
	f := t.last(id)
	if f == nil {
		return "", seen{}
	}
	if before := t.writing[process]; before != nil && before != f {
		before.closed = t.line
	}
	t.writing[process] = f
	f.cleanup, f.messageID = process, messageID
	if f.isCopy {
		t.copies[messageID]++
		return copyRead, seen{f.listener, f.cleanup}
	}
	t.messages[messageID] = append(t.messages[messageID], f)
	return messageRead, seen{f.listener, f.cleanup}
}

func (t *trail) queued(id string) (moment, seen) {
	f := t.last(id)
	if f == nil {
		return "", seen{}
	}
	f.queued = true
	if f.isCopy {
		return copyQueued, seen{f.listener, f.cleanup}
	}
	return messageQueued, seen{f.listener, f.cleanup}
}

func (t *trail) last(id string) *queueFile {
	all := t.files[id]
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// find returns the file that a delivery came from.
func (t *trail) find(id, messageID string) *queueFile {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.files[id] {
		if f.messageID == messageID {
			return f
		}
	}
	return nil
}

func (t *trail) addMark(text string) {
	switch text {
	case removalBegins:
		t.removals = append(t.removals, &kill{victim: copiesListener, aim: "by master(8), when it was taken out of master.cf", begun: t.line, done: never})
		return
	case removalDone:
		if last := len(t.removals) - 1; last >= 0 {
			t.removals[last].done = t.line
		}
		return
	}
	m := mark.FindStringSubmatch(text)
	if m == nil {
		return
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n < 1 || n > len(t.kills)+1 {
		return
	}
	if n == len(t.kills)+1 {
		process, _ := strconv.Atoi(m[4]) // the pattern has digits alone
		k := &kill{number: n, victim: victim(m[3]), process: process, aim: m[5], begun: t.line, done: never}
		switch k.victim {
		case bothProcesses:
			k.ours, k.both = true, true
		case milterProcess, witnessProcess:
			k.ours = true
		}
		t.kills = append(t.kills, k)
	}
	if m[2] == "done" {
		t.kills[n-1].done = t.line
	}
}

// killedIn returns a kill between two lines that concerns somebody, nil if there was none.
func (t *trail) killedIn(from, to int, concerned func(*kill) bool) *kill {
	return between(t.kills, from, to, concerned)
}

func between(kills []*kill, from, to int, concerned func(*kill) bool) *kill {
	for _, k := range kills {
		if k.done >= from && k.begun <= to && concerned(k) {
			return k
		}
	}
	return nil
}

// struck returns a kill that met a file in flight, nil if none did: that of its listener or its cleanup, and for a copy that
// of the milter, who hands it in, together with its witness.
func (t *trail) struck(f *queueFile) *kill {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.killedIn(f.opened, f.left, func(k *kill) bool { return k.both && f.isCopy || !k.ours && k.process == f.listener })
	if k == nil && f.cleanup != 0 {
		k = t.killedIn(f.opened, f.closed, func(k *kill) bool { return !k.ours && k.process == f.cleanup })
	}
	if k == nil && f.isCopy {
		k = between(t.removals, f.opened, f.left, func(*kill) bool { return true })
	}
	return k
}

// attempts returns the messages at their first listener that have some Message-IDs of Postfix's making, one for each try of
// one letter, in the order of the tries.
func (t *trail) attempts(messageIDs map[string]bool) []*queueFile {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*queueFile
	for id := range messageIDs {
		if messages := t.messages[id]; len(messages) == 1 {
			all = append(all, messages[0])
		}
	}
	slices.SortFunc(all, func(a, b *queueFile) int { return cmp.Compare(a.opened, b.opened) })
	return all
}

// struckWhole returns a kill by which no copy of a letter without a Message-ID can be known as sent any more: that of the
// MTA's part of the message that the copy was made of, or of the milter with its witness when it had handed in all
// copies but the one that the message becomes, and had not answered. Copies that an earlier try has handed in are among
// them. Nil if there is none.
func (t *trail) struckWhole(copy *queueFile, attempts []*queueFile, recipients int) *kill {
	handedIn, begun := 0, false
	for _, try := range attempts {
		begun = begun || try.messageID == copy.messageID
		t.mu.Lock()
		handedIn += t.copies[try.messageID]
		var k *kill
		if !try.queued && handedIn >= recipients-1 {
			k = t.killedIn(try.opened, try.left, func(k *kill) bool { return k.both })
		}
		t.mu.Unlock()
		if begun {
			if k = cmp.Or(t.struck(try), k); k != nil || try.queued {
				return k
			}
		}
		if try.queued {
			handedIn = 0 // what comes later is about the next letter of the same text
		}
	}
	return nil
}

// marks writes to Postfix's log by the way of its own programs: the lines of all of them are in the order in which they
// were sent.
type marks struct{ conn net.Conn }

func openMarks(socket string) (*marks, error) {
	conn, err := net.Dial("unixgram", socket)
	if err != nil {
		return nil, fmt.Errorf("reach postlogd: %w", err)
	}
	return &marks{conn}, nil
}

func (m *marks) write(format string, args ...any) error {
	now := time.Now().Format(time.Stamp)
	_, err := fmt.Fprintf(m.conn, "%s mx %s: %s", now, markAuthor, fmt.Sprintf(format, args...))
	if err != nil {
		return fmt.Errorf("mark a kill in the log: %w", err)
	}
	return nil
}

// isChild reports whether a process runs and was started by parent.
func isChild(process, parent int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process))
	if err != nil {
		return false
	}
	// The name in parentheses may hold blanks.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	return len(fields) > 1 && fields[0] != "Z" && fields[1] == strconv.Itoa(parent)
}

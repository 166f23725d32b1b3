package witness

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"sealmilter/internal/event"
)

const (
	// answerTimeout is how long the MTA's answer is waited for, as long as the milter would.
	answerTimeout = 5 * time.Minute
	// recordTimeout is how long an accepted copy is tried to be recorded, or the ledger to be opened, and recordPause
	// the time between two tries.
	recordTimeout = 30 * time.Second
	recordPause   = 250 * time.Millisecond
	// renewPause is how often other hosts are told that the messages are still in work.
	renewPause = 10 * time.Second
)

// settle takes care of what the milter has left behind.
func (b *bequest) settle(ctx context.Context, claims *os.File, duty Duty) error {
	var due []*legacy
	for number, l := range b.left {
		if !l.due() {
			closeDescriptor(l.conn) // before the messages are free again
			delete(b.left, number)
			continue
		}
		due = append(due, l)
	}
	if len(due) == 0 {
		return nil
	}
	event.WitnessDue.Log(duty.Log, event.Count(int64(len(due))))
	e := &executor{duty: duty, claims: claims, waiting: slices.Clone(due)}
	if err := e.hold(); err != nil {
		event.WitnessHolds.Log(duty.Log, event.Err(err))
	}
	err := e.patiently(ctx, func(ctx context.Context) (err error) {
		e.ledger, err = duty.Open(ctx, b.text)
		return err
	})
	if err != nil {
		return fmt.Errorf("copies that were on their way may be sent once more: open the ledger: %w", err)
	}
	renewing, stop := context.WithCancel(ctx)
	var renewed sync.WaitGroup
	renewed.Go(func() { e.renew(renewing) })
	failures := make([]error, len(due))
	var all sync.WaitGroup
	for i, l := range due {
		all.Go(func() { failures[i] = e.execute(ctx, l) })
	}
	all.Wait()
	stop()
	renewed.Wait()
	return errors.Join(append(failures, e.ledger.Close())...)
}

// due reports whether there is something to record: copies whose final dot was written, or records that were deleted.
func (l *legacy) due() bool {
	if !l.whole || l.conn == none {
		return l.whole
	}
	n, err := written(l.conn)
	return err == nil && n >= l.octets
}

// executor takes care of what is due.
type executor struct {
	duty   Duty
	claims *os.File
	ledger Ledger

	mu      sync.Mutex
	waiting []*legacy
}

// errTaken is about a message that was in work here.
var errTaken = errors.New("another host has taken over its message")

// execute waits for the answer about a copy, records it if it was accepted, and gives its message free.
func (e *executor) execute(ctx context.Context, l *legacy) (err error) {
	accepted, onTheWay := true, l.conn != none
	if onTheWay {
		accepted, err = l.answer(time.Now().Add(answerTimeout))
	}
	if accepted {
		err = e.patiently(ctx, func(ctx context.Context) error {
			// Another host that could take over the message may have finished it, and what is recorded of it then would
			// make the next one like it look sent. Of a finished message the milter had given up the claim.
			if kept, err := e.ledger.KeepClaim(ctx, l.record.Message); onTheWay && (err != nil || !kept) {
				return cmp.Or(err, errTaken)
			}
			if err := e.ledger.RecordSent(ctx, l.record.Message, l.record.Copies, l.record.Expires); err != nil {
				return err
			}
			return e.ledger.Flush(ctx)
		})
		if err != nil {
			err = fmt.Errorf("a copy may be sent once more: %w", err)
		}
	}
	e.mu.Lock()
	e.waiting = slices.DeleteFunc(e.waiting, func(other *legacy) bool { return other == l })
	e.mu.Unlock()
	event.WitnessSettled.Log(e.duty.Log, event.Recorded(accepted && err == nil), event.Count(int64(len(l.record.Copies))), event.Err(err))
	return errors.Join(err, e.hold())
}

// hold gives all messages free but those whose copies are waited for.
func (e *executor) hold() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.duty.Hold(e.claims, e.messages())
}

// messages returns those of the copies that are waited for. The caller holds the mutex.
func (e *executor) messages() []string {
	messages := make([]string, 0, len(e.waiting))
	for _, l := range e.waiting {
		messages = append(messages, l.record.Message)
	}
	return messages
}

// renew has other hosts respect the claims for as long as it takes.
func (e *executor) renew(ctx context.Context) {
	for e.duty.Wait(ctx, renewPause) == nil {
		e.mu.Lock()
		messages := e.messages()
		e.mu.Unlock()
		for _, m := range messages {
			if kept, err := e.ledger.KeepClaim(ctx, m); ctx.Err() == nil && (err != nil || !kept) {
				event.WitnessOverrun.Log(e.duty.Log, event.Err(err))
			}
		}
	}
}

// patiently does something until it succeeds, the message is taken, or recordTimeout is over.
func (e *executor) patiently(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil || errors.Is(err, errTaken) || e.duty.Wait(ctx, recordPause) != nil {
			return err
		}
	}
}

// answer reads the MTA's answer to the final dot, and reports whether it has accepted the copy. Nobody else uses the
// connection any more.
func (l *legacy) answer(deadline time.Time) (accepted bool, err error) {
	file := os.NewFile(uintptr(l.conn), "connection")
	l.conn = none
	conn, err := net.FileConn(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return false, fmt.Errorf("a connection of the milter's: %w", err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(deadline); err != nil {
		return false, err
	}
	accepted, err = readAnswer(conn)
	if err != nil {
		err = fmt.Errorf("the mail server's answer to a copy: %w", err)
	}
	return accepted, err
}

// maxAnswer bounds an answer in octets, far beyond the 512 of each line (RFC 5321, section 4.5.3.1.5).
const maxAnswer = 64 << 10

// readAnswer reads a reply (RFC 5321, section 4.2.1), and reports whether it is a yes, as the last line says. What may
// follow is lost.
func readAnswer(r io.Reader) (accepted bool, err error) {
	for in := bufio.NewReader(io.LimitReader(r, maxAnswer)); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return false, err
		}
		code, rest := line[:min(3, len(line))], line[min(3, len(line)):]
		if strings.HasPrefix(rest, "-") {
			continue
		}
		return (code == "250" || code == "251") && strings.TrimLeft(rest, " \r\n") != rest, nil
	}
}

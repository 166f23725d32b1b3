package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Ledger is where sent copies are written down. [sealmilter/internal/store.Store] is one.
type Ledger interface {
	RecordSent(ctx context.Context, message string, copies []string, expires time.Time) error
	Flush(ctx context.Context) error
	// KeepClaim has other hosts respect the claim of a message for longer.
	KeepClaim(ctx context.Context, message string) (bool, error)
	Close() error
}

// Duty is what a witness needs to know of the world.
type Duty struct {
	// Open opens the ledger, as the note of [Options] says.
	Open func(ctx context.Context, note []byte) (Ledger, error)
	// Hold has the inherited claims be held of no messages but these.
	Hold func(claims *os.File, messages []string) error
	Log  *slog.Logger
	// Wait returns after a time, or with an error when the context ends.
	Wait func(context.Context, time.Duration) error
}

// Attend is the witness's side. It returns when the milter at the other end of conn has gone, and all that it has left
// behind is taken care of: at once if that is nothing, and after the MTA's answer to the last copy and its record
// otherwise. It closes both files.
func Attend(ctx context.Context, conn, claims *os.File, duty Duty) error {
	defer claims.Close()
	milter, err := packetConn(conn)
	if err = errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("the milter's socket: %w; this command is run by sealmilter serve and by nobody else", err)
	}
	defer milter.Close()
	b := bequest{left: map[uint64]*legacy{}}
	defer b.close()
	for text := make([]byte, maxPacket); ; {
		p, descriptor, err := receive(milter, text)
		if err == nil {
			err = b.note(p, descriptor)
		} else {
			closeDescriptor(descriptor)
		}
		switch {
		case err == nil:
			continue
		case !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed):
			// What it believes from here on may be wrong. The milter starts another one.
			return fmt.Errorf("listen to the milter: %w", err)
		}
		break
	}
	return b.settle(ctx, claims, duty)
}

// bequest is what the milter leaves behind if it ends now.
type bequest struct {
	greeted bool
	text    []byte // the note
	left    map[uint64]*legacy
}

// legacy is one copy, or the deleted records of a message, as far as the milter has told of it.
type legacy struct {
	record record
	octets uint64
	conn   int  // a file descriptor, none until all is told
	whole  bool // all is told
}

// maxLegacies bounds the copies in work, far beyond the connections of any milter.
const maxLegacies = 100_000

// note takes in a packet and the file descriptor that came with it.
func (b *bequest) note(p packet, descriptor int) error {
	if p.Kind == watch {
		return b.watch(p, descriptor)
	}
	if descriptor != none {
		closeDescriptor(descriptor)
		return fmt.Errorf("a connection with a packet of kind %d", p.Kind)
	}
	switch p.Kind {
	case greeting:
		if b.greeted {
			return errors.New("a second greeting")
		}
		b.greeted, b.text = true, p.Note
		return nil
	case part:
		_, err := b.add(p)
		return err
	case remember:
		l, err := b.add(p)
		if err == nil {
			l.whole = true
		}
		return err
	case forget:
		// One that is not known was told of to a witness before this one.
		if l := b.left[p.Number]; l != nil {
			delete(b.left, p.Number)
			closeDescriptor(l.conn)
		}
		return nil
	default:
		return fmt.Errorf("a packet of kind %d", p.Kind)
	}
}

// watch takes in the last packet about a copy.
func (b *bequest) watch(p packet, descriptor int) error {
	if descriptor == none {
		return fmt.Errorf("copy %d without a connection", p.Number)
	}
	l, err := b.add(p)
	if err != nil {
		closeDescriptor(descriptor)
		return err
	}
	l.octets, l.conn, l.whole = p.Octets, descriptor, true
	return nil
}

// add adds what a packet says of a copy to what was said before.
func (b *bequest) add(p packet) (*legacy, error) {
	l := b.left[p.Number]
	if l == nil && len(b.left) >= maxLegacies {
		return nil, fmt.Errorf("more than %d copies in work", maxLegacies)
	}
	if l == nil {
		l = &legacy{conn: none}
		b.left[p.Number] = l
	}
	if l.whole {
		return nil, fmt.Errorf("copy %d is told of twice", p.Number)
	}
	copies := append(l.record.Copies, p.Record.Copies...)
	l.record = p.Record
	l.record.Copies = copies
	return l, nil
}

func closeDescriptor(descriptor int) {
	if descriptor != none {
		unix.Close(descriptor)
	}
}

// close closes the connections. The MTA throws away what it has of a message, or has it.
func (b *bequest) close() {
	for number, l := range b.left {
		closeDescriptor(l.conn)
		delete(b.left, number)
	}
}

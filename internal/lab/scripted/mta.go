package scripted

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"sealmilter/internal/lab"
)

const hostName = "mx.lab.test"

// Config says how a double is wired.
type Config struct {
	// Style has no default.
	Style Style
	// Milter is the milter's address, "127.0.0.1:port", and Relay that of the next hop.
	Milter, Relay string
	// Copies is where the double listens for the milter's copies, "127.0.0.1:port".
	Copies string
	// Login tells whether a user may log in with a password.
	Login func(user, password string) bool
	// Offer is what the milter is offered; the zero Terms are [Everything].
	Offer Terms
	// Cut says in which pieces the milter is shown a body; nil means as few as possible.
	Cut func(body []byte) [][]byte
}

// MTA is a running double. Its methods are safe for concurrent use.
type MTA struct {
	config  Config
	manners manners
	ctx     context.Context
	cancel  context.CancelFunc
	clients *lab.Server
	copies  *lab.Server
	local   *lab.Server // for sendmail(1), where that speaks SMTP

	mu       sync.Mutex
	messages int
	log      strings.Builder
	failures []error
}

// Start starts a double. The caller closes it.
func Start(config Config) (*MTA, error) {
	m := &MTA{config: config}
	var err error
	if m.manners, err = config.Style.manners(); err != nil {
		return nil, fmt.Errorf("start an MTA's double: %w", err)
	}
	if m.config.Offer == (Terms{}) {
		m.config.Offer = Everything()
	}
	if m.config.Cut == nil {
		m.config.Cut = func(body []byte) [][]byte { return Pieces(body) }
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	if m.clients, err = lab.StartServer("tcp", "127.0.0.1:0", func(c net.Conn) { m.serve(c, clientDoor) }); err == nil {
		m.copies, err = lab.StartServer("tcp", config.Copies, func(c net.Conn) { m.serve(c, copiesDoor) })
	}
	if err == nil && !m.manners.pickup {
		m.local, err = lab.StartServer("tcp", "127.0.0.1:0", func(c net.Conn) { m.serve(c, localDoor) })
	}
	if err != nil {
		return nil, fmt.Errorf("start an MTA's double: %w", errors.Join(err, m.Close()))
	}
	return m, nil
}

// SubmissionAddr is where clients log in and submit.
func (m *MTA) SubmissionAddr() string { return m.clients.Addr }

// CopiesAddr is where the milter hands in its copies.
func (m *MTA) CopiesAddr() string { return m.copies.Addr }

// WaitEmpty tells what has gone wrong since the last call: how the milter broke the protocol, and what could not be
// delivered. There is no queue to wait for: a message is with the next hop when its client gets 250.
func (m *MTA) WaitEmpty(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := errors.Join(m.failures...)
	m.failures = nil
	return err
}

// Log is what was said in the sessions with clients.
func (m *MTA) Log() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.log.String()
}

// Close ends all sessions. It returns what [MTA.WaitEmpty] has not.
func (m *MTA) Close() error {
	m.cancel()
	var err error
	for _, s := range []*lab.Server{m.clients, m.local, m.copies} {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	return errors.Join(err, m.WaitEmpty(context.Background()))
}

func (m *MTA) logf(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fmt.Fprintf(&m.log, format+"\n", args...)
}

// object takes note of what must not happen.
func (m *MTA) object(err error) {
	m.logf("%v", err)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failures = append(m.failures, err)
}

// queueID names a new message.
func (m *MTA) queueID() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.messages++
	return fmt.Sprintf("4D%06X", m.messages)
}

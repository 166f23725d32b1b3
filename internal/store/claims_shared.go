package store

import (
	"context"
	"crypto/rand"
	"sync"
	"time"
)

// claimLease is for how long other hosts respect the claim of a host that says nothing more, by the clock of the database
// server: so long does a message wait whose host has died, if its client tries another one.
const claimLease = 30 * time.Second

// sharedClaims are the messages in work on the hosts that share a PostgreSQL database: rows that last for claimLease and
// are renewed as long as their message is in work. They bind no session, and need not survive a crash of the server: who
// has lost a row is told when it is to be renewed.
//
// The holder of a row is a host, and not a process: which process of a host has a message is settled there by
// [hostClaims], so that a new process takes over at once what a dead one has left behind.
type sharedClaims struct {
	ledger *postgresLedger
	host   *hostClaims
	// present shows that a daemon works with the database, also between two messages.
	present presence

	mu     sync.Mutex
	holder string // "" before the first claim
	// beat renews the claims; nil if none was made so far.
	beat   *time.Timer
	closed bool
}

const (
	// claimClock is the time in Unix seconds. Hosts need not agree on it with each other.
	claimClock = `EXTRACT(EPOCH FROM clock_timestamp())::bigint`
	// claimSetting has a statement not wait for the disk.
	claimSetting = `WITH setting AS (SELECT set_config('synchronous_commit', 'off', TRUE)) `
	// A row that lasts much longer than one can was made before the clock was put back.
	takeClaim = claimSetting + `
		INSERT INTO message_claim AS c (message, holder, until) SELECT $1, $2, ` + claimClock + ` + $3::bigint FROM setting
		ON CONFLICT (message) DO UPDATE SET holder = excluded.holder, until = excluded.until
		WHERE c.holder = excluded.holder OR c.until <= ` + claimClock + ` OR c.until > ` + claimClock + ` + 2 * $3::bigint`
	renewClaims = claimSetting + `
		UPDATE message_claim SET until = ` + claimClock + ` + $3::bigint FROM setting
		WHERE message = ANY($1::text[]) AND holder = $2`
	releaseClaim = claimSetting + `DELETE FROM message_claim USING setting WHERE message = $1 AND holder = $2`
)

// take claims a message, unless another host has it.
func (c *sharedClaims) take(ctx context.Context, message string) (bool, error) {
	holder, err := c.identity()
	if err != nil {
		return false, err
	}
	n, err := c.ledger.statement(ctx, takeClaim, message, holder, int64(claimLease/time.Second))
	if err != nil || n == 0 {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.beat == nil && !c.closed {
		c.beat = time.AfterFunc(claimLease/3, c.renewAll)
	}
	return true, nil
}

// renew makes claims last again, and returns how many of them still are this host's.
func (c *sharedClaims) renew(ctx context.Context, messages ...string) (int64, error) {
	holder, err := c.identity()
	if err != nil {
		return 0, err
	}
	return c.ledger.statement(ctx, renewClaims, messages, holder, int64(claimLease/time.Second))
}

func (c *sharedClaims) release(ctx context.Context, message string) error {
	holder, err := c.identity()
	if err != nil {
		return err
	}
	_, err = c.ledger.statement(ctx, releaseClaim, message, holder)
	return err
}

// renewAll renews the claims of this process, which may have to wait long for the MTA, and sees to it that this is done
// again. Without claims it stops until there is another one.
func (c *sharedClaims) renewAll() {
	if all := c.host.all(); len(all) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), claimLease/3)
		defer cancel()
		c.renew(ctx, all...) // who needs a claim asks for it, and then gets the error
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed, c.beat == nil:
	case len(c.host.all()) == 0:
		c.beat = nil
	default:
		c.beat.Reset(claimLease / 3)
	}
}

// identity is that of the host, or a random one for this process alone.
func (c *sharedClaims) identity() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holder != "" {
		return c.holder, nil
	}
	holder, err := c.host.identity()
	if err != nil {
		return "", err
	}
	if holder == "" {
		holder = rand.Text()
	}
	c.holder = holder
	return holder, nil
}

func (c *sharedClaims) close() {
	c.present.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.beat != nil {
		c.beat.Stop()
	}
}

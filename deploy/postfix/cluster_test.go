package postfix_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"sealmilter/deploy/postfix"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// cluster is two relay hosts with the shipped fragments, one next hop, and one PostgreSQL.
type cluster struct {
	*scenario.Cluster
	ctx  context.Context
	sql  *lab.PostgreSQL
	a, b *relayHost
	// database is the name of the database in use, and password that for it.
	database, password string
}

// relayHost is one of them.
type relayHost struct {
	*scenario.Host
	mta  *lab.Postfix
	door *door // in front of the milter, for the questions of the loopback listener
}

// newHost starts an MTA with a name of its own around a new host of the cluster.
func newHost(t *testing.T, ctx context.Context, c *scenario.Cluster, name string) *relayHost {
	t.Helper()
	host, err := c.NewHost(name)
	if err != nil {
		t.Fatal(err)
	}
	h := &relayHost{Host: host, door: openDoor(t, host.Listen)}
	h.mta = labtest.StartPostfix(ctx, t, lab.PostfixConfig{
		Relay:  c.Sink.Addr,
		Auth:   c.Auth.Addr,
		Main:   "myhostname = " + name + ".lab.test\n" + postfix.MainCF(host.Listen),
		Master: postfix.MasterCF(h.door.addr, host.Reinject),
	})
	return h
}

// newWorld makes a cluster without hosts.
func newWorld(t *testing.T, ctx context.Context, program string) *scenario.Cluster {
	t.Helper()
	c, err := scenario.NewCluster(ctx, program, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	labtest.CloseAfter(t, c.Close)
	return c
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	c := &cluster{ctx: ctx}
	var err error
	if c.sql, err = lab.StartPostgreSQL(ctx, os.Stderr); err != nil {
		t.Fatal(err)
	}
	labtest.CloseAfter(t, c.sql.Close)
	c.Cluster = newWorld(t, ctx, stock.Build(t))
	c.a, c.b = newHost(t, ctx, c.Cluster, "a"), newHost(t, ctx, c.Cluster, "b")
	return c
}

// serve gives both hosts a new database, in which the secret keys are, too, and starts their milters.
func (c *cluster) serve(t *testing.T, lines string) {
	t.Helper()
	database, err := c.sql.NewDatabase(c.ctx)
	if err != nil {
		t.Fatal(err)
	}
	c.serveWith(t, database, lines)
}

// serveWith does the same with the database of a URL.
func (c *cluster) serveWith(t *testing.T, database, lines string) {
	t.Helper()
	address, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	c.password, _ = address.User.Password()
	c.database = strings.TrimPrefix(address.Path, "/")
	for _, h := range []*relayHost{c.a, c.b} {
		if err := h.Configure(database, "senders.secrets = \"database\"\n"+lines); err != nil {
			t.Fatal(err)
		}
		if err := h.Serve(c.ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// run executes a command on a host.
func run(t *testing.T, ctx context.Context, h *relayHost, stdin []byte, args ...string) []byte {
	t.Helper()
	out, err := h.Run(ctx, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// join makes a key for a recipient and imports the certificate on a host.
func join(t *testing.T, ctx context.Context, c *scenario.Cluster, h *relayHost, addr string) (fingerprint string) {
	t.Helper()
	fingerprint, cert, err := c.Certificate(ctx, addr)
	if err != nil {
		t.Fatal(err)
	}
	run(t, ctx, h, cert, "keys", "import", "-")
	return fingerprint
}

// enrol makes the key of a sender on a host.
func enrol(t *testing.T, ctx context.Context, c *scenario.Cluster, h *relayHost, addr string) {
	t.Helper()
	run(t, ctx, h, nil, "keys", "generate", addr)
	if err := c.Meet(ctx, h.Host, addr); err != nil {
		t.Fatal(err)
	}
}

// letter is a message, and what becomes of it.
type letter struct {
	id      string
	from    string   // the login and the local part; "" is alice
	to, bcc []string // the envelope has those of bcc first
	reply   string   // to the final dot; "" is 250
	got     []string // lines of mailboxes, as the package scenario has them
	lines   int      // further ones of the text
}

// sender is the login, and the local part of the address.
func (l letter) sender() string { return cmp.Or(l.from, "alice") }

// envelope has all recipients, the hidden ones first.
func (l letter) envelope() []string { return slices.Concat(l.bcc, l.to) }

// text is the message, with bare line ends.
func (l letter) text() string {
	return fmt.Sprintf("From: %s@example.org\nTo: %s\nSubject: About the %s affair\nDate: Mon, 2 Mar 2026 10:00:00 +0100\n"+
		"Message-ID: <%[3]s@client.example>\n\nWhat nobody else must know of %[3]s.\n", l.sender(), strings.Join(l.to, ", "), l.id) +
		strings.Repeat("This is not secret, but long.\n", l.lines)
}

// parse writes the letter down as a case.
func (l letter) parse(t *testing.T) *scenario.Case {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "-- dialogue --\n> AUTH %s\n> MAIL FROM:<%[1]s@example.org>\n< 250\n", l.sender())
	for _, to := range l.envelope() {
		fmt.Fprintf(&b, "> RCPT TO:<%s>\n< 250\n", to)
	}
	fmt.Fprintf(&b, "> DATA message\n< %s\n-- message --\n%s-- mailboxes --\n%s\n", cmp.Or(l.reply, "250"), l.text(), strings.Join(l.got, "\n"))
	c, err := scenario.ParseCase(l.id, "postfix", b.String())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// submit sends a letter through a host, and looks at what the mailboxes have got.
func submit(t *testing.T, ctx context.Context, c *scenario.Cluster, h *relayHost, l letter) []lab.Delivery {
	t.Helper()
	k := l.parse(t)
	arrived, err := c.Submit(ctx, k, h.mta)
	if err == nil {
		err = c.Check(ctx, k, arrived)
	}
	if err != nil {
		t.Fatal(err)
	}
	return arrived
}

// TestCluster has everything that two hosts share.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	t.Run("certificates", c.certificates)
	t.Run("secret keys", c.secretKeys)
	t.Run("pins", c.pins)
	t.Run("retry", c.retry)
	t.Run("killed", c.killed)
	t.Run("outage", c.outage)
	t.Run("outage in mid-message", c.outageInMidMessage)
	t.Run("outage at a record", c.outageAtRecord)
	t.Run("outage at the start", c.outageAtStart)
}

// certificates imports and removes a recipient's certificate on one host: the other, which has an answer in memory,
// knows at once.
func (c *cluster) certificates(t *testing.T) {
	c.serve(t, "")
	enrol(t, c.ctx, c.Cluster, c.a, "alice@example.org")
	to := []string{"bob@example.net"}
	submit(t, c.ctx, c.Cluster, c.b, letter{id: "unknown", to: to, got: []string{"bob@example.net: signed"}})
	join(t, c.ctx, c.Cluster, c.a, "bob@example.net")
	for id, h := range map[string]*relayHost{"known-b": c.b, "known-a": c.a} {
		submit(t, c.ctx, c.Cluster, h, letter{id: id, to: to, got: []string{"bob@example.net: encrypted"}})
	}
	run(t, c.ctx, c.b, nil, "keys", "remove", "bob@example.net")
	submit(t, c.ctx, c.Cluster, c.a, letter{id: "removed", to: to, got: []string{"bob@example.net: signed"}})
}

// secretKeys has a key made at first use on one host, which signs on the other, and one that both want to make at the
// same time.
func (c *cluster) secretKeys(t *testing.T) {
	c.serve(t, "senders.missing_key = \"generate\"")
	to := []string{"erin@example.com"}
	first := letter{id: "first", to: to, got: []string{"erin@example.com: signed"}}
	k := first.parse(t)
	arrived, err := c.Submit(c.ctx, k, c.a.mta)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Meet(c.ctx, c.b.Host, "alice@example.org"); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(c.ctx, k, arrived); err != nil {
		t.Fatal(err)
	}
	submit(t, c.ctx, c.Cluster, c.b, letter{id: "second", to: to, got: first.got})
	if here, there := c.secrets(t, c.a), c.secrets(t, c.b); len(here) != 1 || len(there) != 1 || here[0] != there[0] {
		t.Errorf("secret keys: %q on one host, %q on the other", here, there)
	}

	before := len(c.Sink.Deliveries())
	letters := []*scenario.Case{
		letter{id: "left", from: "eve", to: to, got: []string{"erin@example.com: signed by eve@example.org"}}.parse(t),
		letter{id: "right", from: "eve", to: to, got: []string{"erin@example.com: signed by eve@example.org"}}.parse(t),
	}
	var sent errgroup.Group
	for i, h := range []*relayHost{c.a, c.b} {
		sent.Go(func() error {
			_, err := c.Submit(c.ctx, letters[i], h.mta)
			return err
		})
	}
	if err := sent.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := c.Meet(c.ctx, c.a.Host, "eve@example.org"); err != nil {
		t.Fatal(err)
	}
	arrived = c.Sink.Deliveries()[before:]
	if len(arrived) != len(letters) {
		t.Fatalf("%d messages arrived", len(arrived))
	}
	for _, k := range letters {
		mine := slices.DeleteFunc(slices.Clone(arrived), func(d lab.Delivery) bool {
			return !strings.Contains(string(d.Data), "<"+k.Name+"@client.example>")
		})
		if err := c.Check(c.ctx, k, mine); err != nil {
			t.Error(err)
		}
	}
	if all := c.secrets(t, c.b); len(all) != 2 {
		t.Errorf("there are the secret keys %q", all)
	}
}

// secrets returns the fingerprints of the secret keys that a host knows.
func (c *cluster) secrets(t *testing.T, h *relayHost) []string {
	t.Helper()
	var prints []string
	for line := range strings.Lines(string(run(t, c.ctx, h, nil, "keys", "list", "--secret", "--json"))) {
		var key struct {
			Fingerprint string `json:"fingerprint"`
			Usable      bool   `json:"usable"`
		}
		if err := json.Unmarshal([]byte(line), &key); err != nil {
			t.Fatal(err)
		}
		if !key.Usable {
			t.Errorf("the key cannot be used: %s", line)
		}
		prints = append(prints, key.Fingerprint)
	}
	return prints
}

// pins has the certificate that one host used first stay in use on the other, although a newer one is known there; an
// administrator's word on the other host moves both.
func (c *cluster) pins(t *testing.T) {
	c.serve(t, "")
	enrol(t, c.ctx, c.Cluster, c.b, "alice@example.org")
	used := join(t, c.ctx, c.Cluster, c.b, "dave@example.net")
	to, got := []string{"dave@example.net"}, []string{"dave@example.net: encrypted"}
	submit(t, c.ctx, c.Cluster, c.a, letter{id: "pinning", to: to, got: got})
	newer := join(t, c.ctx, c.Cluster, c.b, "dave@example.net")
	for id, h := range map[string]*relayHost{"pinned-a": c.a, "pinned-b": c.b} {
		c.readable(t, submit(t, c.ctx, c.Cluster, h, letter{id: id, to: to, got: got}), used)
	}
	run(t, c.ctx, c.b, nil, "keys", "pin", "dave@example.net", newer)
	for id, h := range map[string]*relayHost{"moved-a": c.a, "moved-b": c.b} {
		c.readable(t, submit(t, c.ctx, c.Cluster, h, letter{id: id, to: to, got: got}), newer)
	}
}

// readable makes sure that messages are encrypted to the key of that fingerprint.
func (c *cluster) readable(t *testing.T, arrived []lab.Delivery, fingerprint string) {
	t.Helper()
	for _, d := range arrived {
		if yes, err := c.EncryptedTo(c.ctx, d.Data, fingerprint); err != nil || !yes {
			t.Errorf("a message to %s is not encrypted to %s: %v", d.To, fingerprint, err)
		}
	}
}

package postfix_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

// additions is what the schema of a newer program has: further columns and a further table.
const additions = `
ALTER TABLE certificate ADD COLUMN extra BIGINT NOT NULL DEFAULT 0;
ALTER TABLE certificate_address ADD COLUMN extra BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sent_copy ADD COLUMN extra TEXT;
ALTER TABLE pin ADD COLUMN extra TEXT;
ALTER TABLE lookup ADD COLUMN extra TEXT;
ALTER TABLE message_claim ADD COLUMN extra TEXT;
CREATE TABLE extra (x BIGINT NOT NULL PRIMARY KEY);
`

// newer builds the program with one more step of the schema, which the sources do not have.
func newer(t *testing.T, step string) string {
	t.Helper()
	folder := t.TempDir()
	file, overlay := filepath.Join(folder, "step.sql"), filepath.Join(folder, "overlay.json")
	place, err := filepath.Abs("../../internal/store/migrations/9999_newer.sql")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {place: file}})
	if err == nil {
		err = os.WriteFile(file, []byte(step), 0o600)
	}
	if err == nil {
		err = os.WriteFile(overlay, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return labtest.Build(t, "-overlay="+overlay)
}

// TestRollingUpgrade upgrades one of two hosts while mail goes through both.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	program := newer(t, additions)
	c := newCluster(t)
	// Statements that the server keeps prepared are those that a change of the tables could break.
	for _, options := range []string{"", "?default_query_exec_mode=cache_statement"} {
		c.serveAt(t, options)
		c.enrolAll(t)
		submit(t, c.ctx, c.Cluster, c.a, threefold("before-a", "250", append(half, rest...)))
		submit(t, c.ctx, c.Cluster, c.b, threefold("before-b", "250", append(half, rest...)))

		if err := c.b.Kill(); err != nil {
			t.Fatal(err)
		}
		upgraded, err := lab.StartProcess(exec.Command(program, "serve", "-c", c.b.File()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { upgraded.Kill() })
		if err := upgraded.WaitListen(c.ctx, "tcp", c.b.Listen); err != nil {
			t.Fatalf("%v\n%s", err, upgraded.Log())
		}
		// The former program goes on, and both know what the other one has sent.
		ready(t, c.ctx, c.a, 200, "ready")
		submit(t, c.ctx, c.Cluster, c.a, threefold("after-a", "250", append(half, rest...)))
		submit(t, c.ctx, c.Cluster, c.b, threefold("after-a", "250", rest[:1]))
		submit(t, c.ctx, c.Cluster, c.b, threefold("after-b", "250", append(half, rest...)))
		submit(t, c.ctx, c.Cluster, c.a, threefold("after-b", "250", rest[:1]))

		// Its commands do not, and neither would it start again.
		if _, err := c.a.Run(c.ctx, nil, "keys", "list"); err == nil || !strings.Contains(err.Error(), "was made by a newer sealmilter") {
			t.Errorf("a command of the former program: %v", err)
		}
		if err := c.a.Kill(); err != nil {
			t.Fatal(err)
		}
		fails(t, c.ctx, c.a, "was made by a newer sealmilter")
		if err := upgraded.Kill(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTablesOfAnotherKind takes one table after the other from a daemon that runs, as a newer program could that has no
// place for it: the mail of those who have a key leaves encrypted or not at all, and goes on when they are back.
func TestTablesOfAnotherKind(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.serve(t, "")
	c.enrolAll(t)
	submit(t, c.ctx, c.Cluster, c.a, threefold("before", "250", append(half, rest...)))
	listed, err := c.sql.SQL(c.ctx, c.database, `SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	tables := strings.Fields(listed)
	if len(tables) < 16 {
		t.Fatalf("the database has the tables %q", tables)
	}
	var refused []string
	for _, table := range tables {
		// What the daemon remembers of keys is outdated, so that it has to ask.
		c.alter(t, "UPDATE key_generation SET generation = generation + 1; ALTER TABLE "+table+" RENAME TO "+table+"_gone")
		if !c.neverClear(t, table) {
			refused = append(refused, table)
		}
		c.alter(t, "ALTER TABLE "+table+"_gone RENAME TO "+table)
	}
	submit(t, c.ctx, c.Cluster, c.a, threefold("after", "250", append(half, rest...)))
	t.Logf("mail was put off without %q", refused)
	for _, needed := range []string{"address_seen", "certificate", "key_generation", "message_claim", "pin", "sender_key", "sender_secret", "sent_copy"} {
		if !slices.Contains(refused, needed) {
			t.Errorf("mail was taken without the table %s", needed)
		}
	}
}

func (c *cluster) alter(t *testing.T, statements string) {
	t.Helper()
	if _, err := c.sql.SQL(c.ctx, c.database, statements); err != nil {
		t.Fatal(err)
	}
}

// neverClear sends a message to two recipients with keys, and reports whether it was taken. Whatever leaves is encrypted.
func (c *cluster) neverClear(t *testing.T, table string) (taken bool) {
	t.Helper()
	before := len(c.Sink.Deliveries())
	ctx, cancel := context.WithTimeout(c.ctx, time.Minute)
	defer cancel()
	client := labtest.Login(ctx, t, c.a.mta.Addr, "alice")
	defer client.Drop()
	message := "From: alice@example.org\r\nTo: " + keyed + "\r\nMessage-ID: <without-" + table + "@client.example>\r\n\r\nmust know\r\n"
	rcpt, last, err := client.Send("alice@example.org", []string{keyed, hidden}, []byte(message))
	if err != nil {
		t.Fatal(err)
	}
	for _, reply := range append(rcpt, last) {
		if reply.Code != 0 && reply.Code != 250 && reply.Code/10 != 45 && reply.Code != 354 && reply.Code != 554 {
			t.Errorf("without %s: %v", table, reply)
		}
	}
	labtest.WaitEmpty(ctx, t, c.a.mta)
	arrived := c.Sink.Deliveries()[before:]
	if taken = last.Code == 250; taken && len(arrived) != 2 {
		t.Errorf("without %s, the message was taken, and %d copies arrived", table, len(arrived))
	}
	for _, d := range arrived {
		if opened, err := lab.SplitContainer(d.Data); err != nil || !opened.Encrypted || strings.Contains(string(d.Data), "must know") {
			t.Errorf("without %s, %s got\n%s", table, d.To, d.Data)
		}
	}
	return taken
}

// serveAt is like serve, with options in the URL of the database.
func (c *cluster) serveAt(t *testing.T, options string) {
	t.Helper()
	database, err := c.sql.NewDatabase(c.ctx)
	if err != nil {
		t.Fatal(err)
	}
	c.serveWith(t, database+options, "")
}

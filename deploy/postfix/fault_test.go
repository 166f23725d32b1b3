package postfix_test

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealmilter/deploy/postfix"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// fault is what goes wrong while the daemon runs, and what everybody sees of it.
type fault struct {
	name string
	// set makes it go wrong, and lift takes the cause away. The daemon is not told.
	set, lift func(*testing.T, *sufferer)
	// mid has it go wrong between the last RCPT TO and DATA.
	mid bool
	// letter is what is sent; the zero letter is a [threefold].
	letter letter
	// at is the command that is refused, and reply what the client hears. An empty reply is "250".
	at, reply string
	// left is what leaves in spite of the fault.
	left []string
	// log is what the log has to say, and ready what /readyz has, "" for that it is ready.
	log, ready string
	// again is what has arrived after the retry, if not the mailboxes of the letter. It is whole: what left is in it.
	again []string
}

// sufferer is the relay host on which everything goes wrong, one thing after the other.
type sufferer struct {
	*scenario.Cluster
	*relayHost
	ctx   context.Context
	cable *labtest.Cable
	// disk is the small disk that holds the state directory.
	disk string
	// signing is the fingerprint of alice's key.
	signing string
	// backup is a database as the daemon found it, and undamaged one that was damaged later.
	backup, undamaged []byte
	// touched counts the changes of the time of a file.
	touched int
	// certificates are those of the recipients, revoked is a revocation of one, and silent that of a silent domain.
	certificates    map[string][]byte
	revoked, silent []byte
	// lift ends a limit.
	lift func()
	// aside waits for what goes on beside the client.
	aside sync.WaitGroup
}

// settings of the sufferer. Nothing that a source says counts for the next message.
const settings = `keys.sources = ["local", "wkd"]
keys.timeout = "1s"
keys.fresh = "1ms"
keys.absent = "1ms"
keys.retry = "1ms"
limits.message = "400KiB"
limits.in_flight = "500KiB"
`

// rules are tables, and come last.
const rules = `[[policy.rule]]
to = ["strict@example.net", "bob@silent.example"]
mode = "require"
`

func newSufferer(t *testing.T) *sufferer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), labtest.Patience)
	t.Cleanup(cancel)
	c := newWorld(t, ctx, stock.Build(t))
	host, err := c.NewHost("sufferer")
	if err != nil {
		t.Fatal(err)
	}
	s := &sufferer{Cluster: c, relayHost: &relayHost{Host: host}, ctx: ctx, disk: host.State}
	mount(t, s.disk)
	host.State += "/sealmilter"
	if err := os.Mkdir(host.State, 0o700); err != nil {
		t.Fatal(err)
	}
	s.cable = labtest.StartCable(t, host.Reinject, host.Listen)
	s.mta = labtest.StartPostfix(ctx, t, lab.PostfixConfig{
		Relay:  c.Sink.Addr,
		Auth:   c.Auth.Addr,
		Main:   postfix.MainCF(s.cable.Guard),
		Master: postfix.MasterCF(s.cable.Guard, host.Reinject),
	})
	host.Reinject, host.Bound = s.cable.Addr, true
	s.configure(t, "")
	enrol(t, ctx, c, s.relayHost, "alice@example.org")
	enrol(t, ctx, c, s.relayHost, "eve@example.org")
	s.certificates = map[string][]byte{}
	for _, addr := range []string{keyed, hidden, "new@example.net", "strict@example.net", "revoked@example.net"} {
		fingerprint, cert, err := c.Certificate(ctx, addr)
		done(t, err)
		s.certificates[addr] = cert
		s.remember(t, addr)
		if addr == "revoked@example.net" {
			s.revoked, err = c.Revoke(ctx, fingerprint)
			done(t, err)
		}
	}
	for addr, cert := range map[string]*[]byte{"walter@wkd.example": nil, "bob@silent.example": &s.silent} {
		_, made, err := c.Certificate(ctx, addr)
		done(t, err)
		if cert != nil {
			*cert = made
			continue
		}
		c.Keys().Publish("wkd.example", "walter", made)
	}
	s.signing = s.fingerprint(t, "alice@example.org")
	if s.backup, err = os.ReadFile(s.database()); err != nil {
		t.Fatal(err)
	}
	if err := host.Serve(ctx); err != nil {
		t.Fatal(err)
	}
	// What is used for the first time is written down.
	s.suffer(t, fault{name: "before", set: func(*testing.T, *sufferer) {}, left: whole()})
	return s
}

// whole is what everybody gets in the end.
func whole() []string { return slices.Concat(half, rest) }

// configure writes the configuration, with further lines.
func (s *sufferer) configure(t *testing.T, lines string) {
	t.Helper()
	if err := s.Configure("", s.DirectorySettings()+settings+lines+rules); err != nil {
		t.Fatal(err)
	}
}

// fingerprint returns that of a sender's key.
func (s *sufferer) fingerprint(t *testing.T, addr string) string {
	t.Helper()
	for _, line := range strings.Split(string(run(t, s.ctx, s.relayHost, nil, "keys", "list", "--secret")), "\n") {
		for _, word := range strings.Fields(line) {
			if len(word) == 40 && strings.Contains(line, addr) {
				return word
			}
		}
	}
	t.Fatalf("%s has no key", addr)
	return ""
}

// send says the dialogue of a mail client and returns the first reply that is no yes, with the command in front of it, or
// the last reply. Between the last RCPT TO and DATA it calls meanwhile.
func (s *sufferer) send(t *testing.T, l letter, meanwhile func()) (at string, reply lab.Reply) {
	t.Helper()
	at, reply, err := s.say(l, meanwhile)
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	return at, reply
}

// say does the same on any goroutine.
func (s *sufferer) say(l letter, meanwhile func()) (at string, reply lab.Reply, err error) {
	client, err := lab.Dial(s.ctx, s.mta.Addr)
	if err != nil {
		return "greeting", lab.Reply{}, err
	}
	defer client.Drop()
	hear := func(command string) func(lab.Reply, error) bool {
		return func(heard lab.Reply, failure error) bool {
			at, reply, err = command, heard, failure
			return err == nil && heard.Code/100 == 2
		}
	}
	if !hear("AUTH")(client.AuthPlain(l.sender(), l.sender())) || !hear("MAIL")(client.Mail(l.sender()+"@example.org")) {
		return at, reply, err
	}
	for _, to := range l.envelope() {
		if !hear("RCPT")(client.Rcpt(to)) {
			return at, reply, err
		}
	}
	if meanwhile != nil {
		meanwhile()
	}
	hear("DATA")(client.Data([]byte(strings.ReplaceAll(l.text(), "\n", "\r\n"))))
	return at, reply, err
}

// arrived waits until the queue is empty, and compares what has arrived since with what should have.
func (s *sufferer) arrived(t *testing.T, l letter, since int, want []string) {
	t.Helper()
	labtest.WaitEmpty(s.ctx, t, s.mta)
	l.got = want
	if err := s.Check(s.ctx, l.parse(t), s.Sink.Deliveries()[since:]); err != nil {
		t.Fatalf("%.2000v", err)
	}
}

// suffer has one thing go wrong and come right again.
func (s *sufferer) suffer(t *testing.T, f fault) {
	l := f.letter
	if l.to == nil {
		l = threefold("", "", whole())
	}
	l.id = strings.ReplaceAll(f.name, " ", "-")
	if f.reply == "" {
		f.left = l.got
	}
	since, said := len(s.Sink.Deliveries()), len(s.Log())
	lift := sync.OnceFunc(func() {
		if f.lift != nil {
			f.lift(t, s)
		}
	})
	defer lift() // the next fault comes alone
	var meanwhile func()
	if f.mid {
		meanwhile = func() { f.set(t, s) }
	} else {
		f.set(t, s)
	}
	at, reply := s.send(t, l, meanwhile)
	s.aside.Wait()
	if want := cmp.Or(f.at, "DATA"); at != want || !strings.HasPrefix(flat(reply), cmp.Or(f.reply, "250")) {
		t.Errorf("at %s the client heard %q, not %q at %s\n%s", at, flat(reply), f.reply, want, s.Log()[said:])
	}
	s.arrived(t, l, since, f.left)
	if log := s.Log()[said:]; !strings.Contains(log, f.log) {
		t.Errorf("the log does not say %q:\n%s", f.log, log)
	}
	s.looksReady(t, f.ready)

	lift()
	if f.reply != "" {
		if at, reply := s.send(t, l, nil); reply.Code != 250 {
			t.Fatalf("when the cause was gone, the client heard at %s %q\n%s", at, reply, s.Log()[said:])
		}
	}
	want := f.again
	if want == nil {
		want = l.got
	}
	s.arrived(t, l, since, want)
	s.looksReady(t, "")
	for name, log := range map[string]string{"milter": s.Log(), "Postfix": s.mta.Log()} {
		if strings.Contains(log, "must know") || strings.Contains(log, "affair") {
			t.Errorf("the log of %s shows the message:\n%s", name, log)
		}
	}
}

// meanwhile runs something beside the client.
func (s *sufferer) meanwhile(step func()) { s.aside.Go(step) }

// flat is a reply in one line, without the codes of all lines but the first.
func flat(r lab.Reply) string {
	var b strings.Builder
	for i, line := range r.Lines {
		line = strings.TrimRight(line, "\r\n")
		if i > 0 {
			line = line[min(len(line), len("451 ")):]
			if word, rest, found := strings.Cut(line, " "); found && strings.Count(word, ".") == 2 {
				line = rest
			}
			b.WriteByte(' ')
		}
		b.WriteString(line)
	}
	return b.String()
}

// looksReady compares what the milter says at /readyz, which may remember for a moment that a record could be written.
func (s *sufferer) looksReady(t *testing.T, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, 30*time.Second)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		status, text, err := s.Ready(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if want == "" && status == 200 || want != "" && status == 503 && strings.Contains(text, want) {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Errorf("/readyz says %d %q, want %q", status, text, want)
			return
		}
	}
}

// TestFaults has everything go wrong that can, on a running daemon behind a running Postfix. Nobody gets clear text who
// has a key, nobody gets a copy twice, and when the cause is gone the next try of the same client completes the
// message. The daemon is not started again but where a fault ends it.
func TestFaults(t *testing.T) {
	t.Parallel()
	s := newSufferer(t)
	for _, group := range []struct {
		name   string
		faults []fault
	}{
		{"state", stateFaults},
		{"secret keys", secretFaults},
		{"listener", listenerFaults},
		{"keys", keyFaults},
		{"configuration", reloadFaults},
		{"process", processFaults},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, f := range group.faults {
				t.Run(f.name, func(t *testing.T) { s.suffer(t, f) })
			}
		})
	}
	t.Run("no descriptor for a connection", s.noDescriptor)
	t.Run("hangups while mail goes on", s.hangups)
	t.Run("no room for another message", s.noRoom)
	t.Run("killed after a final dot", s.killedAfterDot)
	t.Run("told to end in mid-message", s.toldToEnd)
}

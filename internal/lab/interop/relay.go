package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"sealmilter/deploy/postfix"
	"sealmilter/deploy/sendmail"
	"sealmilter/internal/lab"
)

// ned has no key that the relay host knows, so what he gets is signed clear text.
const ned = "ned@example.com"

// relay is a relay host: a real mail server with the shipped lines, sealmilter, and the next hop.
type relay struct {
	dir, program     string
	listen, reinject string
	submit           string // of sendmail's command

	ports lab.Ports
	sink  *lab.Sink
	auth  *lab.Auth
	mta   mta
	close []func() error
}

// mta is what is needed of a mail server.
type mta interface {
	SubmissionAddr() string
	WaitEmpty(ctx context.Context) error
	Log() string
	Close() error
}

// relayKind is a table's way.
type relayKind struct {
	name     string
	sendmail bool
	sevenBit bool // the next hop lacks 8BITMIME
}

func relayKinds() []relayKind {
	return []relayKind{
		{name: "Postfix"},
		{name: "Postfix and a next hop without 8BITMIME", sevenBit: true},
		{name: "sendmail", sendmail: true},
		{name: "sendmail and a next hop without 8BITMIME", sendmail: true, sevenBit: true},
	}
}

// startRelay starts a relay host that has the author's secret key and the certificates of the recipients. The caller
// closes it.
func startRelay(ctx context.Context, progress io.Writer, dir, program string, kind relayKind, who correspondents) (r *relay, err error) {
	r = &relay{dir: dir, program: program}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start a relay host with %s: %w", kind.name, err), r.Close())
		}
	}()
	r.close = append(r.close, r.ports.Close)
	if err := r.ports.Reserve(&r.listen, &r.reinject, &r.submit); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "state"), 0o700); err != nil {
		return nil, err
	}
	if r.sink, err = lab.StartSink(lab.SinkConfig{SevenBit: kind.sevenBit}); err != nil {
		return nil, err
	}
	r.close = append(r.close, r.sink.Close)
	if r.auth, err = lab.StartAuth(map[string]string{"alice": "alice"}); err != nil {
		return nil, err
	}
	r.close = append(r.close, r.auth.Close)
	if err := r.configure(ctx, who); err != nil {
		return nil, err
	}
	milter, err := lab.StartProcess(exec.CommandContext(context.WithoutCancel(ctx), program, "serve", "-c", r.config()))
	if err != nil {
		return nil, err
	}
	r.close = append(r.close, milter.Kill)
	if err := milter.WaitListen(ctx, "tcp", r.listen); err != nil {
		return nil, err
	}
	if kind.sendmail {
		r.mta, err = lab.StartSendmail(ctx, lab.SendmailConfig{Relay: r.sink.Addr, Auth: r.auth, Progress: progress,
			MC: sendmail.MC(r.listen, r.reinject, r.submit), SubmitMC: sendmail.SubmitMC(r.submit)})
	} else {
		r.mta, err = lab.StartPostfix(ctx, lab.PostfixConfig{Relay: r.sink.Addr, Auth: r.auth.Addr, Progress: progress,
			Main: postfix.MainCF(r.listen), Master: postfix.MasterCF(r.listen, r.reinject)})
	}
	if err != nil {
		return nil, err
	}
	r.close = append(r.close, r.mta.Close)
	return r, nil
}

func (r *relay) config() string { return filepath.Join(r.dir, "sealmilter.toml") }

// configure writes the configuration, in which all is by default that the machine allows, and imports the keys.
func (r *relay) configure(ctx context.Context, who correspondents) error {
	const text = `listen = "inet:%s"
reinject = "%s"
mta_users = ["root", "postfix", "news"]
state = %q
admin = ""
keys.sources = ["local"]
[senders.logins]
alice = [%q]
`
	if err := os.WriteFile(r.config(), fmt.Appendf(nil, text, r.listen, r.reinject, filepath.Join(r.dir, "state"), alice), 0o600); err != nil {
		return err
	}
	var secret bytes.Buffer
	if err := who.alice.WriteArmored(&secret); err != nil {
		return err
	}
	for _, keys := range [][]byte{secret.Bytes(), who.bob.Cert().Bytes(), who.eve.Cert().Bytes()} {
		cmd := exec.CommandContext(ctx, r.program, "keys", "import", "-", "-c", r.config())
		cmd.Stdin = bytes.NewReader(keys)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("sealmilter keys import: %w\n%s", err, out)
		}
	}
	return nil
}

// send submits a message for everybody and returns what the next hop gets, by recipient.
func (r *relay) send(ctx context.Context, message []byte) (map[string][]byte, error) {
	already := len(r.sink.Deliveries())
	client, err := lab.Dial(ctx, r.mta.SubmissionAddr())
	if err != nil {
		return nil, err
	}
	defer client.Drop()
	if reply, err := client.AuthPlain("alice", "alice"); err != nil || reply.Code != 235 {
		return nil, fmt.Errorf("log in: %v, %w", reply, err)
	}
	to := []string{bob, eve, ned}
	if reply, err := client.Mail(alice, "BODY=8BITMIME"); err != nil || reply.Code != 250 {
		return nil, fmt.Errorf("MAIL FROM: %v, %w", reply, err)
	}
	for _, addr := range to {
		if reply, err := client.Rcpt(addr); err != nil || reply.Code != 250 {
			return nil, fmt.Errorf("RCPT TO %s: %v, %w", addr, reply, err)
		}
	}
	if reply, err := client.Data(message); err != nil || reply.Code != 250 {
		return nil, fmt.Errorf("submit the message: %v, %w", reply, err)
	}
	all, err := r.sink.Wait(ctx, already+len(to))
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, r.mta.Log())
	}
	got := make(map[string][]byte)
	for _, d := range all[already:] {
		got[d.To] = d.Data
	}
	if len(got) != len(to) {
		return nil, fmt.Errorf("%d recipients got the message instead of %d", len(got), len(to))
	}
	return got, nil
}

// Close ends what was started. It may be called again.
func (r *relay) Close() error {
	var failures []error
	for _, end := range slices.Backward(r.close) {
		failures = append(failures, end())
	}
	r.close = nil
	return errors.Join(failures...)
}

// travelling are the letters of which an MTA may change something.
var travelling = []string{"UTF-8, 8bit", "a line of 1500 octets", "blanks at line ends, `From `, dots", "no text at all", "text and HTML",
	"attachments, UTF-8 names", "only an attachment", "forwarded 8bit message", "signed before, PGP/MIME", "calendar reply (iTIP)"}

// composeRelayed has letters travel through whole relay hosts, and makes a table of what arrives.
func (r *run) composeRelayed(ctx context.Context, all []letter) error {
	program, err := lab.Build(ctx, r.dir, "sealmilter/cmd/sealmilter")
	if err != nil {
		return err
	}
	who, bobs, eves, err := r.people(ctx, common)
	if err != nil {
		return err
	}
	// Whoever has no key that is known still has programs.
	unknown, err := common.generate(ctx, r.progress, ned)
	if err != nil {
		return err
	}
	neds, err := r.box(ctx, who, unknown)
	if err != nil {
		return err
	}
	for i, kind := range relayKinds() {
		r.tell("Sending letters through %s", kind.name)
		t := &table{title: "After " + kind.name, about: "The letter was submitted to a real mail server with sealmilter, set up as the " +
			"shipped lines have it, for a recipient in To and for two in Bcc, of whom one has no key. Here is what the next hop got."}
		r.tables = append(r.tables, t)
		if err := r.relayed(ctx, t, kind, fmt.Sprint(i), who, all, map[string]*mailbox{bob: bobs, eve: eves, ned: neds}, program); err != nil {
			return err
		}
	}
	return nil
}

// relayed adds the rows of one relay host.
func (r *run) relayed(ctx context.Context, t *table, kind relayKind, tag string, who correspondents, all []letter, boxes map[string]*mailbox,
	program string) (err error) {
	const patience = 5 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	host, err := startRelay(ctx, r.progress, filepath.Join(r.dir, "relay"+tag), program, kind, who)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	for _, l := range all {
		if !slices.Contains(travelling, l.name) {
			continue
		}
		s := sample{letter: l, signer: who.alice.Fingerprint(), id: fmt.Sprintf("%x.%s@example.org", l.name, tag)}
		s.original = l.message(s.id)
		arrived, err := host.send(ctx, s.original)
		if err != nil {
			return fmt.Errorf("send %q through %s: %w", l.name, kind.name, err)
		}
		for _, to := range []struct {
			addr string
			form form
			word string
		}{{ned, signed, "signed"}, {bob, sealed, "encrypted"}, {eve, hidden, "hidden"}} {
			copied := s
			copied.form, copied.raw = to.form, arrived[to.addr]
			if err := checkHidden(&copied); err != nil {
				return err
			}
			r.add(t, l.name+", "+to.word, &copied, boxes[to.addr], false)
		}
	}
	return host.mta.WaitEmpty(ctx)
}

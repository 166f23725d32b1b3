package postfix_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// partial is a Postfix with the shipped fragments whose loopback listener takes some copies, and others not.
type partial struct {
	*lab.Postfix
	ctx    context.Context
	world  *scenario.World
	milter *lab.Process
	door   *door
	seen   int // deliveries that a test has looked at
}

// never is a recipient whom the loopback listener always refuses, and unreachable a sender.
const never, unreachable = "never@example.com", "eve@example.org"

// startPartial starts one with options for the loopback listener, which come after the shipped ones. DOOR in them is the
// address of the door.
func startPartial(t *testing.T, options string) *partial {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), labtest.Patience)
	t.Cleanup(cancel)
	p := &partial{ctx: ctx, world: stock.NewWorld(ctx, t, stock.Build(t), false)}
	p.milter = labtest.Serve(ctx, t, p.world, "partial", "[[policy.rule]]\nto = [\"@pass.example\"]\nmode = \"pass\"\n")
	p.door = openDoor(t, p.world.Listen)
	options = strings.ReplaceAll(options, "DOOR", p.door.addr)
	config := fragmentsFor(p.world)
	// The milter itself is asked directly.
	config.Master = strings.ReplaceAll(config.Master, "check_policy_service inet:"+p.world.Listen, "check_policy_service inet:"+p.door.addr)
	const before = "  -o smtpd_milters=\n"
	if strings.Count(config.Master, before) != 1 {
		t.Fatal("master.cf has no such line, or several")
	}
	config.Master = strings.Replace(config.Master, before, before+options, 1)
	// A process that is killed with its first client looks to master(8) like one that cannot start.
	config.Main += "service_throttle_time = 1s\n"
	p.Postfix = labtest.StartPostfix(ctx, t, config)
	return p
}

// send submits a message with a Message-ID as the owner of a login, and wants a reply that begins with want.
func (p *partial) send(t *testing.T, login, id, want string, to ...string) {
	t.Helper()
	message := labtest.Message(id, "From: "+login+"@example.org\r\nTo: bob@example.net\r\n")
	client := labtest.Login(p.ctx, t, p.Addr, login)
	defer client.Drop()
	_, last, err := client.Send(login+"@example.org", to, []byte(message))
	labtest.Said(t, want)(last, err)
}

// arrived makes sure of what has left since the last call: "ADDR: encrypted", "ADDR: signed", or "ADDR: not to ADDR
// ADDR" for a notice, which is opened.
func (p *partial) arrived(t *testing.T, want ...string) {
	t.Helper()
	labtest.WaitEmpty(p.ctx, t, p)
	all := p.world.Sink.Deliveries()
	var got []string
	for _, d := range all[p.seen:] {
		form := "encrypted"
		switch {
		case d.From == "":
			unserved, err := p.world.Undelivered(p.ctx, d)
			if err != nil {
				t.Errorf("the notice: %v\n%.3000s", err, d.Data)
			}
			form = "not to " + strings.Join(unserved, " ")
		case bytes.Contains(d.Data, []byte("multipart/signed")):
			form = "signed"
		}
		if form != "signed" && labtest.Clear(d.Data) != nil {
			t.Errorf("%s can read %q:\n%.3000s", d.To, labtest.Clear(d.Data), d.Data)
		}
		got = append(got, d.To+": "+form)
	}
	p.seen = len(all)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("there left %q, not %q", got, want)
	}
}

// TestPartialFailure has the loopback listener fail at one copy when another has left, in each way that it can. The copy of
// bob, who is visible, is the message itself.
func TestPartialFailure(t *testing.T) {
	t.Parallel()
	const access = "check_recipient_access inline:{ { " + never + " = 552 5.2.2 Full }, { " + unreachable + " = 550 5.1.1 Gone } }"
	p := startPartial(t, "  -o { smtpd_recipient_restrictions = "+access+" }\n"+
		"  -o { smtpd_end_of_data_restrictions = check_policy_service inet:DOOR }\n")
	t.Run("refused", p.oneRefused)
	t.Run("put off", p.onePutOff)
	t.Run("hung up", p.hungUp)
	t.Run("killed", p.listenerKilled)
	t.Run("notice put off", p.noticePutOff)
	t.Run("notice refused", p.noticeRefused)
	t.Run("first refused", p.firstRefused)
	t.Run("local program", p.localProgram)
}

// oneRefused: the others go on, and the sender is told once, whatever the client does then.
func (p *partial) oneRefused(t *testing.T) {
	p.send(t, "alice", "refused", "250", "dave@example.net", never, "bob@example.net")
	p.arrived(t, "dave@example.net: encrypted", "bob@example.net: encrypted", "alice@example.org: not to "+never)
	// The client has missed the answer. The message itself comes again, as it does with any mail server.
	p.send(t, "alice", "refused", "250", "dave@example.net", never, "bob@example.net")
	p.arrived(t, "bob@example.net: encrypted")
}

// onePutOff: the next try completes the rest.
func (p *partial) onePutOff(t *testing.T) {
	p.door.meanwhile(p.ctx, "erin@example.com", closed, nothing)
	p.send(t, "alice", "put-off", "451 4.3.2", "dave@example.net", "erin@example.com", "bob@example.net")
	p.arrived(t, "dave@example.net: encrypted")
	p.send(t, "alice", "put-off", "250", "dave@example.net", "erin@example.com", "bob@example.net")
	p.arrived(t, "erin@example.com: signed", "bob@example.net: encrypted")
}

func nothing() error { return nil }

// hungUp has the listener end the connection of the second copy before the text, which then goes over another one, and
// behind the final dot.
func (p *partial) hungUp(t *testing.T) {
	for i, state := range []string{"DATA", "END-OF-MESSAGE"} {
		p.door.at(p.ctx, state, "erin@example.com", "421 4.3.2 Going down", nothing)
		p.cut(t, fmt.Sprintf("hung-up-%d", i), state == "END-OF-MESSAGE")
	}
}

// listenerKilled does the same with a listener that says nothing more.
func (p *partial) listenerKilled(t *testing.T) {
	for i, state := range []string{"RCPT", "DATA", "END-OF-MESSAGE"} {
		killed := p.door.at(p.ctx, state, "erin@example.com", "DUNNO", p.killListener)
		p.cut(t, fmt.Sprintf("killed-%d", i), state == "END-OF-MESSAGE")
		if err := <-killed; err != nil {
			t.Fatal(err)
		}
	}
}

// cut sends a message whose second copy meets with something that the client is told of, or not. The next try then
// completes it.
func (p *partial) cut(t *testing.T, id string, told bool) {
	t.Helper()
	if told {
		p.send(t, "alice", id, "4", "dave@example.net", "erin@example.com", "bob@example.net")
		p.arrived(t, "dave@example.net: encrypted")
		p.send(t, "alice", id, "250", "dave@example.net", "erin@example.com", "bob@example.net")
		p.arrived(t, "erin@example.com: signed", "bob@example.net: encrypted")
		return
	}
	p.send(t, "alice", id, "250", "dave@example.net", "erin@example.com", "bob@example.net")
	p.arrived(t, "dave@example.net: encrypted", "erin@example.com: signed", "bob@example.net: encrypted")
}

// killListener ends the processes that serve the loopback listener, of which one may be idle. master(8) starts new ones.
func (p *partial) killListener() error {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return err
	}
	killed := 0
	for _, file := range lines {
		line, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(line, []byte("smtpd\x00-n\x00"+p.world.Reinject+"\x00")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return err
		}
		killed++
	}
	if killed == 0 {
		return fmt.Errorf("no process serves %s", p.world.Reinject)
	}
	return nil
}

// noticePutOff: what could not be told now is told with the next try.
func (p *partial) noticePutOff(t *testing.T) {
	p.door.meanwhile(p.ctx, "alice@example.org", closed, nothing)
	p.send(t, "alice", "notice-put-off", "451 4.3.2", "dave@example.net", never, "bob@example.net")
	p.arrived(t, "dave@example.net: encrypted")
	p.send(t, "alice", "notice-put-off", "250", "dave@example.net", never, "bob@example.net")
	p.arrived(t, "bob@example.net: encrypted", "alice@example.org: not to "+never)
}

// noticeRefused: the log has who was not served, and the others are.
func (p *partial) noticeRefused(t *testing.T) {
	p.send(t, "eve", "notice-refused", "250", "dave@example.net", never, "bob@example.net")
	p.arrived(t, "dave@example.net: encrypted", "bob@example.net: encrypted")
	if err := p.milter.WaitLog(p.ctx, "recipients get nothing, and the sender cannot be told"); err != nil {
		t.Error(err)
	}
}

// firstRefused: while nothing has left, the client can be told.
func (p *partial) firstRefused(t *testing.T) {
	p.send(t, "alice", "first", "552 5.2.2", never, "dave@example.net", "bob@example.net")
	p.arrived(t)
}

// localProgram: nobody reads a reply, so the others are served whoever is refused first.
func (p *partial) localProgram(t *testing.T) {
	for id, to := range map[string][]string{
		"first": {never, "dave@example.net", "bob@example.net"},
		"last":  {"dave@example.net", never, "bob@example.net"},
	} {
		message := strings.ReplaceAll(labtest.Message("local-"+id, ""), "\r\n", "\n")
		if err := p.Sendmail(p.ctx, []byte(message), append([]string{"-f", "alice@example.org"}, to...)...); err != nil {
			t.Fatal(err)
		}
		if _, err := p.world.Sink.Wait(p.ctx, p.seen+3); err != nil {
			t.Fatal(err)
		}
		p.arrived(t, "dave@example.net: encrypted", "bob@example.net: encrypted", "alice@example.org: not to "+never)
	}
}

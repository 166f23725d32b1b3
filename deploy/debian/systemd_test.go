package debian_test

import (
	"context"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

// systemdHost is a Debian with a real systemd, and what its mail server hands on.
type systemdHost struct {
	*host
	sink  *lab.Sink
	flows int
}

var messageID = regexp.MustCompile(`(?m)^Message-ID: <([^>]*)>`)

// startSystemdHost boots a host. A machine that cannot do so fails the test: without it nobody knows whether the unit works.
func startSystemdHost(t *testing.T, packages ...string) *systemdHost {
	t.Helper()
	if os.Getenv("SEALMILTER_TEST_RELEASE") == "" {
		t.Skip("make deb-test runs it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	t.Cleanup(cancel)
	h := &systemdHost{host: &host{labtest.BootHost(ctx, t, packages...), ctx}}
	h.packages(t)
	err := h.Inside(func() (err error) {
		h.sink, err = lab.StartSink(lab.SinkConfig{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	labtest.CloseAfter(t, h.sink.Close)
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := h.Run(context.WithoutCancel(ctx), "sh", "-c", "journalctl -n 200 --no-pager; systemctl --failed --no-pager")
			t.Log(out)
		}
	})
	return h
}

// until waits for something on the host.
func (h *systemdHost) until(t *testing.T, what string, met func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(h.ctx, 3*time.Minute)
	defer cancel()
	for !met() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// property returns one of the service.
func (h *systemdHost) property(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(h.run(t, "systemctl show --value --property="+name+" sealmilter.service"))
}

// untilAnew waits until the service runs with another process.
func (h *systemdHost) untilAnew(t *testing.T, former string) {
	t.Helper()
	h.until(t, "the service runs anew", func() bool {
		return h.property(t, "ActiveState") == "active" && h.property(t, "MainPID") != former
	})
}

// TestPostfixUnderSystemd lives an administrator's years with the package and Postfix.
func TestPostfixUnderSystemd(t *testing.T) {
	t.Parallel()
	h := startSystemdHost(t, "postfix", "ca-certificates")
	h.run(t, "postconf -e myhostname=mail.example.org 'relayhost=["+strings.Replace(h.sink.Addr, ":", "]:", 1)+"' && systemctl reload postfix")
	h.years(t, "postfix")
}

// TestSendmailUnderSystemd does so with sendmail.
func TestSendmailUnderSystemd(t *testing.T) {
	t.Parallel()
	h := startSystemdHost(t, "sendmail-bin", "sendmail-cf", "ca-certificates")
	mc, err := os.ReadFile(h.Path("/etc/mail/sendmail.mc"))
	if err != nil {
		t.Fatal(err)
	}
	const own = "define(`SMART_HOST', `relay:[127.0.0.1]')dnl\ndefine(`RELAY_MAILER_ARGS', `TCP $h PORT')dnl\n" +
		"define(`confREFUSE_LA', `1000')dnl\ndefine(`confQUEUE_LA', `1000')dnl\nFEATURE(`accept_unresolvable_domains')dnl\n" +
		"FEATURE(`nocanonify')dnl\nundefine(`confBIND_OPTS')dnl\ndefine(`confTO_IDENT', `0')dnl\nMAILER_DEFINITIONS\n"
	_, port, _ := strings.Cut(h.sink.Addr, ":")
	text := strings.Replace(string(mc), "MAILER_DEFINITIONS\n", strings.Replace(own, "PORT", port, 1), 1)
	if err := os.WriteFile(h.Path("/etc/mail/sendmail.mc"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	h.run(t, "echo 'hosts files' >/etc/mail/service.switch; make -C /etc/mail && systemctl restart sendmail")
	h.years(t, "sendmail")
}

// years are the same with every mail server.
func (h *systemdHost) years(t *testing.T, mta string) {
	const config = "/etc/sealmilter/sealmilter.toml"
	h.run(t, "apt-get install -q -y /root/1.deb", "installed, and not yet in use", "sealmilter setup "+mta)
	h.run(t, "systemctl is-active sealmilter || systemctl is-enabled sealmilter || true", "inactive\ndisabled\n")
	h.run(t, "sealmilter keys generate alice@example.org && sealmilter keys generate bob@example.net")
	h.run(t, "sealmilter setup "+mta, "ok       test message: the MTA asks sealmilter")
	h.run(t, "systemctl is-active sealmilter && systemctl is-enabled sealmilter", "active\nenabled\n")
	h.run(t, "systemctl status sealmilter", `Status: "policy prefer; 0 messages in work"`)

	sent := 0
	// through has mail flow while something is done.
	through := func(name string, do func(t *testing.T)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			f := h.startFlow()
			f.waitTaken(t, 2)
			do(t)
			f.waitTaken(t, f.taken.Load()+2)
			f.end(t, sent)
			sent += 2 * int(f.taken.Load())
		})
		if t.Failed() {
			t.FailNow() // the next would count what is missing here
		}
	}
	through("reload", func(t *testing.T) {
		former := h.property(t, "MainPID")
		h.run(t, "systemctl reload sealmilter")
		h.until(t, "the log tells of it", func() bool {
			return strings.Contains(h.run(t, "journalctl -u sealmilter -o cat"), "event=config.reloaded")
		})
		if now := h.property(t, "MainPID"); now != former {
			t.Errorf("the process is %s, not %s", now, former)
		}
	})
	through("a reload that is refused", func(t *testing.T) {
		former := h.property(t, "MainPID")
		h.run(t, "cp -p "+config+" /root/good && echo nonsense = 7 >>"+config)
		h.fails(t, "systemctl reload sealmilter")
		h.run(t, "journalctl -u sealmilter -o cat -n 20", `unknown key "nonsense"`)
		h.run(t, "systemctl kill --kill-who=main -s HUP sealmilter")
		h.until(t, "the status tells of the refusal", func() bool {
			return strings.Contains(h.property(t, "StatusText"), "the latest configuration was refused and is not in force: "+config)
		})
		if now := h.property(t, "MainPID"); now != former {
			t.Errorf("the process is %s, not %s", now, former)
		}
		h.run(t, "cp -p /root/good "+config+" && systemctl reload sealmilter")
		h.until(t, "the status tells of it no more", func() bool { return !strings.Contains(h.property(t, "StatusText"), "refused") })
	})
	through("restart", func(t *testing.T) {
		h.run(t, "systemctl restart sealmilter && systemctl is-active sealmilter", "active\n")
	})
	through("kill -9", func(t *testing.T) {
		former := h.property(t, "MainPID")
		h.run(t, "kill -9 "+former)
		h.untilAnew(t, former)
	})
	through("watchdog", func(t *testing.T) {
		// As "systemctl edit" does, because nobody waits for 90 seconds here.
		h.run(t, "mkdir -p /etc/systemd/system/sealmilter.service.d && printf '[Service]\\nWatchdogSec=12\\n' >/etc/systemd/system/sealmilter.service.d/override.conf")
		h.run(t, "systemctl daemon-reload && systemctl restart sealmilter")
		former := h.property(t, "MainPID")
		h.run(t, "kill -STOP "+former)
		h.untilAnew(t, former)
		if log := h.run(t, "journalctl -u sealmilter -o cat _PID="+former); !strings.Contains(log, "main.(*installation).serve") || strings.Contains(log, "rax ") {
			t.Errorf("the process says\n%s", log)
		}
		h.run(t, "rm -r /etc/systemd/system/sealmilter.service.d && systemctl daemon-reload && systemctl restart sealmilter")
	})
	t.Run("setup fails", func(t *testing.T) {
		h.run(t, "cp -p "+config+" /root/good && sed -i 's|^#state *=.*|state = \"/srv/sealmilter\"|' "+config)
		h.fails(t, "sealmilter setup "+mta, "ReadWritePaths=/srv/sealmilter")
		h.run(t, "cp -p /root/good "+config+" && sed -i 's|^#admin *=.*|admin = \"127.0.0.1:25\"|' "+config+" && systemctl stop sealmilter")
		h.fails(t, "sealmilter setup "+mta, "systemctl restart sealmilter.service: exit status 1", "sealmilter: listen: listen tcp 127.0.0.1:25: ")
		h.until(t, "the status tells of it", func() bool {
			return h.property(t, "StatusText") == "ended by an error; the log says by which"
		})
		h.run(t, "cp -p /root/good "+config)
		h.untilAnew(t, "0") // by itself, for the mail server asks it
		h.run(t, "systemctl is-enabled sealmilter", "enabled\n")
	})
	t.Run("masked", func(t *testing.T) {
		h.run(t, "systemctl mask --now sealmilter")
		h.fails(t, "sealmilter check --offline", "error    daemon: nothing listens at inet:127.0.0.1:8894",
			"-> systemctl unmask sealmilter.service && systemctl start sealmilter.service; if it does not stay,")
		h.run(t, "systemctl unmask sealmilter.service && systemctl start sealmilter.service && systemctl is-enabled sealmilter && sealmilter check --offline", "enabled\n")
	})
	through("socket unit", func(t *testing.T) {
		h.run(t, "systemctl stop sealmilter && systemctl enable --now sealmilter.socket && systemctl start sealmilter")
		h.run(t, "systemctl restart sealmilter && systemctl is-active sealmilter.socket", "active\n")
		// Nobody but a client starts it now.
		h.run(t, "systemctl stop sealmilter 2>&1")
		h.until(t, "mail starts the service", func() bool { return h.property(t, "ActiveState") == "active" })
	})
	through("upgrade", func(t *testing.T) {
		former := h.property(t, "MainPID")
		h.run(t, "apt-get install -q -y /root/2.deb && systemctl is-active sealmilter", "active\n")
		if now := h.property(t, "MainPID"); now == former {
			t.Error("the service still runs the former program")
		}
		h.run(t, "dpkg-query -W sealmilter", "sealmilter\t2\n")
	})
	t.Run("reboot", func(t *testing.T) {
		if err := h.Reboot(h.ctx); err != nil {
			t.Fatal(err)
		}
		started := func(unit, property string) int {
			out := h.run(t, "systemctl show --value --property="+property+"TimestampMonotonic "+unit)
			n, err := strconv.Atoi(strings.TrimSpace(out))
			if err != nil || n == 0 {
				t.Errorf("%s of %s is %q", property, unit, out)
			}
			return n
		}
		unit := map[string]string{"postfix": "postfix@-.service", "sendmail": "sendmail.service"}[mta]
		if up, begun := started("sealmilter.service", "ActiveEnter"), started(unit, "InactiveExit"); up > begun {
			t.Errorf("%s was started %d us before sealmilter was ready", unit, up-begun)
		}
		// The first message after it is not put off: the mail server was started behind sealmilter.
		reply, err := h.send("From: alice@example.org\r\nTo: bob@example.net, carol@example.com\r\nSubject: s\r\n\r\n" + flowSecret + "\r\n")
		if err != nil || reply.Code != 250 {
			t.Errorf("the first message gets %v, %v", reply, err)
		}
		if _, err := h.sink.Wait(h.ctx, sent+2); err != nil {
			t.Error(err)
		}
		sent += 2
	})
	t.Run("remove", func(t *testing.T) {
		h.fails(t, "apt-get purge -q -y sealmilter", "not removed, because "+mta+" still asks it")
		h.run(t, "systemctl is-active sealmilter && sealmilter setup "+mta+" --undo && ! systemctl is-active sealmilter sealmilter.socket", "inactive\ninactive\n")
		h.run(t, "apt-get purge -q -y sealmilter", "kept, because")
		h.run(t, "systemctl list-units --all --no-legend 'sealmilter*'; systemctl --failed --no-legend; systemctl is-system-running", "running\n")
		h.run(t, "! systemctl cat sealmilter 2>&1")
	})
}

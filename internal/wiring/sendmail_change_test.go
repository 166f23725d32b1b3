package wiring

import (
	"errors"
	"strings"
	"testing"

	"sealmilter/internal/config"
)

const (
	debianMC     = "include(`/usr/share/sendmail/cf/m4/cf.m4')dnl\nFEATURE(`use_cw_file')dnl\ndnl # Default Mailer setup\nMAILER_DEFINITIONS\nMAILER(`local')dnl\nMAILER(`smtp')dnl\n"
	debianSubmit = "include(`/usr/share/sendmail/cf/m4/cf.m4')dnl\nFEATURE(`msp', `[127.0.0.1]', `25')dnl\n"
)

// TestWireSendmail looks at where the block comes to stand, and holds it to coming once and going without a trace.
func TestWireSendmail(t *testing.T) {
	const signer = "INPUT_MAIL_FILTER(`opendkim', `S=inet:8891@localhost, F=T')dnl\n"
	for name, tc := range map[string]struct {
		mc, submit string
		config     string
		behind, in string // what stands right behind the block of sendmail.mc, and a line in it
		refused    string
	}{
		"Debian": {behind: "MAILER_DEFINITIONS\n", in: "INPUT_MAIL_FILTER(`sealmilter', `S=inet:8894@127.0.0.1, F=T,"},
		"mailers without a headline": {mc: "OSTYPE(`linux')dnl\nMAILER(smtp)dnl\n", behind: "MAILER(smtp)dnl\n",
			in: "DAEMON_OPTIONS(`Family=inet, Name=SEALCOPIES, Port=10026, Addr=127.0.0.1, M=ACES, children=0, refuseLA=0, delayLA=0, InputMailFilters=sealmilter')dnl\n"},
		"before a signer": {mc: "INPUT_MAIL_FILTER(`spam', `S=local:/x')dnl\n" + signer + debianMC, behind: signer,
			in: "InputMailFilters=sealmilter;opendkim')dnl\n"},
		"other addresses": {config: "listen = \"inet:127.0.0.2:9\"\nreinject = \"127.0.0.3:8\"", behind: "MAILER_DEFINITIONS\n",
			in: "Name=SEALCOPIES, Port=8, Addr=127.0.0.3,"},
		"a socket":                  {config: `listen = "unix:/run/x"`, refused: "IPv4 address only"},
		"IPv6":                      {config: `listen = "inet:[::1]:8894"`, refused: "IPv4 address only"},
		"a list of filters":         {mc: "define(`confINPUT_MAIL_FILTERS', `spam')dnl\n" + debianMC, refused: "confINPUT_MAIL_FILTERS"},
		"no mailers":                {mc: "OSTYPE(`linux')dnl\n", refused: "neither MAILER_DEFINITIONS nor MAILER"},
		"no submission by sendmail": {submit: "OSTYPE(`linux')dnl\n", refused: "no FEATURE(`msp')"},
	} {
		t.Run(name, func(t *testing.T) {
			before := SendmailFiles{debianMC, debianSubmit}
			if tc.mc != "" {
				before.MC = tc.mc
			}
			if tc.submit != "" {
				before.Submit = tc.submit
			}
			c := parseConfig(t, tc.config)
			after, err := WireSendmail(before, c)
			if tc.refused != "" {
				if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tc.refused) || after != before {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(after.MC, endMC+tc.behind) || !strings.Contains(after.MC, tc.in) {
				t.Errorf("it has become\n%s", after.MC)
			}
			if !strings.Contains(after.Submit, endMC+"FEATURE(`msp'") || !strings.Contains(after.Submit, "define(`RELAY_MAILER_ARGS', `TCP $h 10025')dnl\n") {
				t.Errorf("submit.mc has become\n%s", after.Submit)
			}
			if again, err := WireSendmail(after, c); err != nil || again != after {
				t.Errorf("a second time changes it, %v:\n%s", err, Diff("mc", []byte(after.MC), []byte(again.MC)))
			}
			moved := parseConfig(t, `listen = "inet:127.0.0.1:7777"`)
			if other, err := WireSendmail(after, moved); err != nil || strings.Count(other.MC, beginMC) != 1 || !strings.Contains(other.MC, "S=inet:7777@127.0.0.1") {
				t.Errorf("another address, %v:\n%s", err, other.MC)
			}
			if back := (SendmailFiles{UnwireSendmail(after.MC), UnwireSendmail(after.Submit)}); back != before {
				t.Errorf("taken out it is\n%+v", back)
			}
		})
	}
}

// TestSendmailWiredByHand leaves lines alone that an administrator has put there.
func TestSendmailWiredByHand(t *testing.T) {
	wired, err := WireSendmail(SendmailFiles{debianMC, debianSubmit}, config.Default())
	if err != nil {
		t.Fatal(err)
	}
	marks := strings.NewReplacer(beginMC, "", endMC, "")
	byHand := SendmailFiles{marks.Replace(wired.MC), marks.Replace(wired.Submit)}
	if again, err := WireSendmail(byHand, config.Default()); err != nil || again != byHand {
		t.Errorf("%v:\n%s", err, Diff("mc", []byte(byHand.MC), []byte(again.MC)))
	}
}

// FuzzWireSendmail holds the changes of any sources to being none the second time, and to going without a trace.
func FuzzWireSendmail(f *testing.F) {
	f.Add(debianMC, debianSubmit)
	f.Add("INPUT_MAIL_FILTER(`opendkim', `x')\nMAILER(", "FEATURE(msp")
	f.Add(beginMC+endMC, endMC+beginMC)
	f.Fuzz(func(t *testing.T, mc, submit string) {
		before := SendmailFiles{mc, submit}
		after, err := WireSendmail(before, config.Default())
		if err != nil {
			return
		}
		if again, err := WireSendmail(after, config.Default()); err != nil || again != after {
			t.Errorf("the second time: %v\n%s", err, Diff("mc", []byte(after.MC), []byte(again.MC)))
		}
		if !strings.Contains(mc+submit, "sealmilter") && (UnwireSendmail(after.MC) != mc || UnwireSendmail(after.Submit) != submit) {
			t.Error("it leaves a trace")
		}
	})
}

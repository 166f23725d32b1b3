package sendmail_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/deploy/sendmail"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
)

// filters is a relay host with other filters beside sealmilter, wired by the lines of docs/filters.md.
type filters struct {
	*scenario.World
	sendmail submission
	signer   *lab.OpenDKIM
	// before sees what sealmilter has yet to see, behind what it has done in place, copies what it has handed in.
	before, behind, copies *lab.Filter
}

func pageBlock(t *testing.T, heading string) []string {
	t.Helper()
	block, err := scenario.PageBlock("../../docs/filters.md", heading)
	if err != nil {
		t.Fatal(err)
	}
	return block
}

// startFilters starts them.
func startFilters(t *testing.T, program string, sevenBit bool, canonicalization string) *filters {
	t.Helper()
	f := &filters{World: newWorld(t, t.Context(), program, sevenBit)}
	closing := func(close func() error) {
		t.Cleanup(func() {
			if err := close(); err != nil {
				t.Error(err)
			}
		})
	}
	var err error
	f.signer, err = lab.StartOpenDKIM(t.Context(), lab.OpenDKIMConfig{
		Domain: "example.org", Canonicalization: canonicalization, Lines: strings.Join(pageBlock(t, "### OpenDKIM"), "\n"), Progress: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	closing(f.signer.Close)
	for _, at := range []**lab.Filter{&f.before, &f.behind, &f.copies} {
		if *at, err = lab.StartFilter(); err != nil {
			t.Fatal(err)
		}
		closing((*at).Close)
	}
	submit := reserve(t)
	s, err := lab.StartSendmail(t.Context(), lab.SendmailConfig{
		Relay:    f.Sink.Addr,
		Auth:     f.Auth,
		MC:       f.mc(t, submit),
		SubmitMC: sendmail.SubmitMC(submit),
		Progress: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	closing(s.Close)
	f.sendmail = submission{s, submit}
	return f
}

// mc returns the fragment with the lines of the page instead of its own of the same names, and with the filters that
// look on behind the signer.
func (f *filters) mc(t *testing.T, submit string) string {
	lines := pageBlock(t, "### sendmail")
	var kept []string
	for line := range strings.Lines(sendmail.MC(sendmail.Listen, sendmail.Reinject, submit)) {
		if !strings.HasPrefix(line, "INPUT_MAIL_FILTER(") && !strings.Contains(line, "Name=SEALCOPIES") {
			kept = append(kept, strings.TrimSuffix(line, "\n"))
		}
	}
	socket := func(addr string) string {
		_, port, _ := strings.Cut(addr, ":")
		return "inet:" + port + "@127.0.0.1"
	}
	_, reinject, _ := strings.Cut(f.Reinject, ":")
	return strings.NewReplacer(
		"inet:11332@127.0.0.1", socket(f.before.Addr),
		"inet:8894@127.0.0.1", socket(f.Listen),
		"inet:8891@127.0.0.1", socket(f.signer.Addr),
		"Port=10026", "Port="+reinject,
		"sealmilter;opendkim", "sealmilter;opendkim;copies",
	).Replace(strings.Join(append(lines, kept...), "\n")+"\n") +
		"INPUT_MAIL_FILTER(`behind', `S=" + socket(f.behind.Addr) + ", F=T')dnl\n" +
		"MAIL_FILTER(`copies', `S=" + socket(f.copies.Addr) + ", F=T')dnl\n"
}

// dkimCases are the cases in which messages are changed, converted or made in different ways.
var dkimCases = strings.Fields("02 03 06 11 12 14 16 17 18 19 20 22 25")

// TestEveryCopyIsSignedByOpenDKIM plays cases with OpenDKIM behind sealmilter: what arrives is what arrives without it,
// and has a DKIM signature that verifies, whether the message was changed in place, handed in as a copy, came from a
// local program or is a notice.
func TestEveryCopyIsSignedByOpenDKIM(t *testing.T) {
	t.Parallel()
	cases, err := scenario.Cases("sendmail")
	if err != nil {
		t.Fatal(err)
	}
	program := build(t, "-race")
	for name, sevenBit := range map[string]bool{"8bit": false, "7bit": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startFilters(t, program, sevenBit, "relaxed/simple")
			for _, c := range cases {
				if !slices.Contains(dkimCases, c.Name[:2]) {
					continue
				}
				t.Run(c.Name, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					already := len(f.Sink.Deliveries())
					if err := f.Play(ctx, c, f.sendmail); err != nil {
						t.Errorf("%s\n%v", c.Comment, err)
					}
					for _, d := range f.Sink.Deliveries()[already:] {
						if err := scenario.CheckDKIM(ctx, f.signer, d.Data); err != nil {
							t.Errorf("to %s: %v\n%s", d.To, err, d.Data[:min(len(d.Data), 4000)])
						}
					}
				})
			}
		})
	}
}

package labtest

import (
	"context"
	"strings"
	"testing"

	"sealmilter/internal/lab"
)

// StartPostfix starts an instance, which ends with the test. Its log is shown if the test fails.
func StartPostfix(ctx context.Context, t testing.TB, config lab.PostfixConfig) *lab.Postfix {
	t.Helper()
	config.Progress = t.Output()
	p, err := lab.StartPostfix(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	CloseAfter(t, p.Close)
	t.Cleanup(func() { showLog(t, p.Log()) })
	return p
}

// StartSendmail starts an instance, which ends with the test. Its log is shown if the test fails.
func StartSendmail(ctx context.Context, t testing.TB, config lab.SendmailConfig) *lab.Sendmail {
	t.Helper()
	config.Progress = t.Output()
	s, err := lab.StartSendmail(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	CloseAfter(t, s.Close)
	t.Cleanup(func() { showLog(t, s.Log()) })
	return s
}

func showLog(t testing.TB, log string) {
	if t.Failed() {
		t.Log(log)
	}
}

// WaitEmpty waits until nothing is left in the queue of an MTA.
func WaitEmpty(ctx context.Context, t testing.TB, mta interface{ WaitEmpty(context.Context) error }) {
	t.Helper()
	if err := mta.WaitEmpty(ctx); err != nil {
		t.Fatal(err)
	}
}

// Postconf makes sure that postconf(1) prints every want, by its flag, with single blanks for white space, and that
// Postfix has nothing to say about its configuration.
func Postconf(ctx context.Context, t testing.TB, p *lab.Postfix, wants map[string][]string) {
	t.Helper()
	for flag, wants := range wants {
		out, err := p.Command(ctx, "postconf", flag).CombinedOutput()
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(strings.Fields(string(out)), " ")
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("postconf %s lacks %q in\n%s", flag, want, out)
			}
		}
		if strings.Contains(got, "warning") {
			t.Errorf("postconf %s warns:\n%s", flag, out)
		}
	}
	if strings.Contains(p.Log(), "warning") {
		t.Error("Postfix logs warnings")
	}
}

// Wire executes commands of a page of docs that change a Postfix, after adapt has changed the addresses in them.
func Wire(ctx context.Context, t testing.TB, p *lab.Postfix, commands []string, adapt func(command string) string) {
	t.Helper()
	for _, command := range commands {
		if command == "postfix reload" {
			if err := p.Reload(ctx); err != nil {
				t.Fatal(err)
			}
			continue
		}
		command = adapt(command)
		var args []string
		for i, part := range strings.Split(command, "'") { // every second one was quoted
			if i%2 == 1 {
				args = append(args, part)
			} else {
				args = append(args, strings.Fields(part)...)
			}
		}
		if out, err := p.Command(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
}

package split_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"sealmilter/deploy/postfix/split"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
)

// TestEveryCopyIsSignedByOpenDKIM plays cases with the signer behind sealmilter at the inner listener, as docs/filters.md
// tells: what arrives has a DKIM signature that verifies. Mail from elsewhere that claims to be from here is among it: to
// the signer everybody is this host.
func TestEveryCopyIsSignedByOpenDKIM(t *testing.T) {
	t.Parallel()
	const page = "../../../docs/filters.md"
	lines, err := scenario.PageBlock(page, "### OpenDKIM")
	if err != nil {
		t.Fatal(err)
	}
	commands, err := scenario.PageBlock(page, "### Postfix that splits by recipient")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := scenario.DKIMCases("split", "8bit")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "-race")
	signer, err := lab.StartOpenDKIM(t.Context(), lab.OpenDKIMConfig{
		Domain: "example.org", Lines: strings.Join(lines, "\n"), Progress: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer signer.Close()
	front, err := lab.StartFilter()
	if err != nil {
		t.Fatal(err)
	}
	defer front.Close()
	r := startRelay(t, w, "sealsplit_destination_concurrency_limit = 1\n")
	wire(t, r, commands, strings.NewReplacer(
		"127.0.0.1:11332", front.Addr, "127.0.0.1:8891", signer.Addr,
		split.Listen, w.Listen, split.Reinject, w.Reinject, split.Inner, r.inner,
	))
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			already, shown := len(w.Sink.Deliveries()), len(front.Screenings())
			if err := w.Play(ctx, c, r); err != nil {
				t.Errorf("%s\n%v", c.Comment, err)
			}
			for _, d := range w.Sink.Deliveries()[already:] {
				if err := scenario.CheckDKIM(ctx, signer, d.Data); err != nil {
					t.Errorf("to %s: %v\n%.4000s", d.To, err, d.Data)
				}
			}
			if len(front.Screenings()) == shown {
				t.Error("the filter in front was not asked")
			}
		})
	}
	for _, s := range front.Screenings() {
		if strings.Contains(string(s.Body), "BEGIN PGP MESSAGE") {
			t.Errorf("the filter in front was shown ciphertext:\n%s", s.Body)
		}
	}
}

// wire executes commands of a page with the addresses of this host.
func wire(t *testing.T, r relay, commands []string, addresses *strings.Replacer) {
	t.Helper()
	for _, command := range commands {
		if command == "postfix reload" {
			if err := r.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		program, quoted, _ := strings.Cut(addresses.Replace(command), " '")
		args := append(strings.Fields(program), strings.TrimSuffix(quoted, "'"))
		if out, err := r.Command(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
}

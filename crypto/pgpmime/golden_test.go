package pgpmime_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

var update = flag.Bool("update", false, "write testdata/*.want anew instead of comparing with it")

// TestGolden composes testdata/NN-name.eml, whose lines end in LF, and compares with NN-name.want: the signed message
// with a stub for its signature, the header of the encrypted message, and the header of the encrypted payload, whose
// body is the same. NN-name.readme says what the case is about.
func TestGolden(t *testing.T) {
	goldenFolder(t, "testdata", func(t *testing.T, _ string, m *mail.Message) string { return golden(t, m) })
}

// goldenFolder composes each message of a folder and compares with what it wants. The name is that of the case.
func goldenFolder(t *testing.T, folder string, compose func(t *testing.T, name string, m *mail.Message) string) {
	cases, err := filepath.Glob(filepath.Join(folder, "*.eml"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, eml := range cases {
		base := strings.TrimSuffix(eml, ".eml")
		t.Run(filepath.Base(base), func(t *testing.T) {
			text, err := os.ReadFile(eml)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(base + ".readme"); err != nil {
				t.Error(err)
			}
			got := compose(t, filepath.Base(base), parseMessage(string(text)))
			if *update {
				if err := os.WriteFile(base+".want", []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(base + ".want")
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("composed\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func golden(t *testing.T, m *mail.Message) string {
	var sealer stubSealer
	draft, err := composer(&sealer).Prepare(m)
	if err != nil {
		return fmt.Sprintf("#### refused\n%v\n", err)
	}
	signed, err := draft.Sign(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	_, signedBody, _ := strings.Cut(string(sealer.payload), "\r\n\r\n")
	encrypted, err := draft.Encrypt(nil, make([]pgpmime.Reader, 1), crypto.EncryptOptions{})
	if err != nil {
		t.Fatal(err)
	}
	header, body, _ := strings.Cut(string(sealer.payload), "\r\n\r\n")
	if body != signedBody {
		t.Errorf("the encrypted body differs from the signed one:\n%s", body)
	}
	return strings.ReplaceAll("#### signed message\n"+string(signed.Header.AppendTo(nil))+"\n"+render(t, signed)+
		"#### encrypted message, header\n"+string(encrypted[0].Header.AppendTo(nil))+
		"#### encrypted payload, header\n"+header+"\n", "\r\n", "\n")
}

package release_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sealmilter/deploy/postfix"
	"sealmilter/deploy/release"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// emulated has a program for arm64 run by qemu. The witness is the only part that is left out: the kernel does not start a
// second program for another processor by itself.
const emulated = `#!/bin/sh
exec '%s' '%s' "$@"
`

// TestArm64 has the program for arm64 make keys, import certificates of gpg's, and serve a real Postfix with the
// database that it has made.
func TestArm64(t *testing.T) {
	slow(t)
	ctx := t.Context()
	qemu, err := lab.Unpack(ctx, os.Stderr, "qemu-user-static")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	program, start := filepath.Join(folder, "arm64"), filepath.Join(folder, "sealmilter")
	if err := release.Program(ctx, release.Options{Sources: sources}, "arm64", program); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(emulated, qemu.Path("/usr/bin/qemu-aarch64-static"), program)
	if err := os.WriteFile(start, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	w := stock.NewWorld(ctx, t, start, false)
	mta := labtest.StartPostfix(ctx, t, lab.PostfixConfig{
		Relay: w.Sink.Addr, Auth: w.Auth.Addr,
		Main: postfix.MainCF(w.Listen), Master: postfix.MasterCF(w.Listen, w.Reinject),
	})
	cases := slices.DeleteFunc(labtest.Cases(t, "postfix", "8bit"), func(c *scenario.Case) bool { return !slices.Contains(onArm64, c.Name) })
	if len(cases) != len(onArm64) {
		t.Fatalf("there are %d cases of %q", len(cases), onArm64)
	}
	labtest.Play(t, w, mta, cases, nil)
}

// onArm64 are the cases that are played.
var onArm64 = []string{"01-one-keyed", "03-mixed-with-bcc", "05-require-all-refused", "13-two-messages", "18-local-program", "26-web-key-directory"}

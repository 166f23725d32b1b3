package wiring

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	for _, tc := range []struct {
		before, after []byte
		want          string
	}{
		{[]byte("a\n"), []byte("a\n"), ""},
		{nil, nil, ""},
		{nil, []byte("a\nb\n"), "--- /dev/null\n+++ f\n@@ -0,0 +1,2 @@\n+a\n+b\n"},
		{[]byte("a\n"), nil, "--- f\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n"},
		{[]byte("a"), []byte("a\n"), "--- f\n+++ f\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n"},
		{[]byte("1\n2\n3\n4\n5\n6\n7\n8\n9\n"), []byte("1\n2\n3\n4\nx\n6\n7\n8\n9\n"), "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n"},
		{[]byte("1\n2\n3\n4\n5\n6\n7\n8\n9\n"), []byte("1a\n2\n3\n4\n5\n6\n7\n8\n9a\n"),
			"--- f\n+++ f\n@@ -1,4 +1,4 @@\n-1\n+1a\n 2\n 3\n 4\n@@ -6,4 +6,4 @@\n 6\n 7\n 8\n-9\n+9a\n"},
	} {
		if got := Diff("f", tc.before, tc.after); got != tc.want {
			t.Errorf("%q to %q:\n%s", tc.before, tc.after, got)
		}
	}
}

// TestDiffCanBeApplied has patch(1) make the new file of the old one.
func TestDiffCanBeApplied(t *testing.T) {
	patch, err := exec.LookPath("patch")
	if err != nil {
		t.Fatal("patch(1) is needed: ", err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	file := filepath.Join(t.TempDir(), "f")
	for range 60 {
		before := randomLines(random, 1+random.IntN(40))
		after := append([]string{}, before...)
		for range 1 + random.IntN(4) {
			at := random.IntN(len(after) + 1)
			switch cut := min(at+random.IntN(4), len(after)); random.IntN(3) {
			case 0:
				after = append(after[:at:at], append(randomLines(random, 2), after[at:]...)...)
			default:
				after = append(after[:at:at], after[cut:]...)
			}
		}
		old, new := []byte(strings.Join(before, "")), []byte(strings.Join(after, ""))
		if len(new) == 0 || bytes.Equal(old, new) {
			continue
		}
		if err := os.WriteFile(file, old, 0o600); err != nil {
			t.Fatal(err)
		}
		diff := Diff(file, old, new)
		cmd := exec.Command(patch, "--fuzz=0", "--silent", file)
		cmd.Stdin = strings.NewReader(diff)
		out, err := cmd.CombinedOutput()
		got, _ := os.ReadFile(file)
		if err != nil || !bytes.Equal(got, new) {
			t.Fatalf("%v: %s\n%s\nmakes %q, want %q", err, out, diff, got, new)
		}
	}
}

func randomLines(random *rand.Rand, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("line %d\n", random.IntN(5))
	}
	return all
}

package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestClosedToDaemon needs root, as what it tests does.
func TestClosedToDaemon(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, d := range []struct {
		name string
		mode os.FileMode
	}{{"state", 0o700}, {"roots", 0o700}, {"open", 0o755}, {"closed", 0o700}, {"listed", 0o744}, {"open/folder", 0o700}, {".dot", 0o755}} {
		if err := os.Mkdir(at(d.name), d.mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{"open/yes": 0o644, "open/no": 0o600, "open/.hidden": 0o600, "closed/yes": 0o644, "listed/yes": 0o644, ".dot/no": 0o600} {
		if err := os.WriteFile(at(name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(at("open"), at("link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(at("state"), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if all, err := closedToDaemon(t.Context(), "state", filepath.Join("open", "no")); err != nil || !slices.Equal(all, []string{at("open/no")}) {
		t.Errorf("from the folder: %q, %v", all, err)
	}
	for _, tc := range []struct{ state, path, want string }{
		{"state", "open/yes", ""},
		{"state", "open/no", "open/no"},
		{"state", "open/../open/no", "open/no"},
		{"state", "open", "open/no"},
		{"state", "link", "link/no"},
		{"state", "closed/yes", "closed/yes"},
		{"state", "closed", "closed"},
		{"state", "listed", "listed"},
		{"state", ".dot", ".dot/no"},
		{"roots", "open/no", ""},
		{"missing", "open/no", ""},
	} {
		all, err := closedToDaemon(t.Context(), at(tc.state), at(tc.path))
		if err != nil {
			t.Errorf("%s: %v", tc.path, err)
		}
		var want []string
		if tc.want != "" {
			want = []string{at(tc.want)}
		}
		if got := slices.DeleteFunc(all, func(s string) bool { return tc.want == "listed" && strings.HasPrefix(s, at("listed")+"/") }); !slices.Equal(got, want) {
			t.Errorf("%s, %s: %q, want %q", tc.state, tc.path, got, want)
		}
	}
}

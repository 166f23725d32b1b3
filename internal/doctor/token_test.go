package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/internal/config"
)

// TestCheckToken needs root, as check does to see what the daemon's user cannot read.
func TestCheckToken(t *testing.T) {
	dir, state := daemonsHost(t)
	file := filepath.Join(dir, "token")
	for _, tc := range []struct {
		name, token string
		mode        os.FileMode
		group       int
		want, mend  string
	}{
		{"missing", "", 0, 0, "warning files: nobody can log in to the status page: ", "write one into the file"},
		{"root's", "a token of 32 octets, or even more", 0o600, 0, "warning files: nobody can log in to the status page: " + file + " cannot be read", "&& chmod 0640 " + file},
		{"its group is root's", "a token of 32 octets, or even more", 0o640, 0, "warning files: nobody", "chgrp "},
		{"the daemon's group", "a token of 32 octets, or even more", 0o640, 65534, "ok files: " + file + " is closed to others, and the daemon can read it", ""},
		{"short", "token", 0o640, 65534, "warning files: nobody", "make one with"},
		{"open", "a token of 32 octets, or even more", 0o644, 65534, "error files: others may read", "chmod o= " + file},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.token != "" {
				placed(t, file, tc.token, 0, tc.group, tc.mode)
			}
			r, found := collected()
			c := &config.Config{State: state}
			c.Status.TokenFile = file
			r.token(t.Context(), c)
			wantLine(t, *found, tc.want)
			if got := (*found)[0]; !strings.Contains(got.Mend, tc.mend) || strings.Contains(got.Detail+got.Mend, "a token of") {
				t.Errorf("%+v", got)
			}
		})
	}
}

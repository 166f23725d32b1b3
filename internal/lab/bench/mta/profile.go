package mta

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"sealmilter/internal/lab"
)

// profileVariable names the file to which a profiled program writes.
const profileVariable = "SEALMILTER_BENCH_PROFILE"

//go:embed testdata/profile.go
var profileSource []byte

const program = "sealmilter/cmd/sealmilter"

// build compiles the program. A profiled one gets one more file, by an overlay, so that the program itself needs no way to
// be profiled.
func build(ctx context.Context, dir string, profiled bool) (string, error) {
	if !profiled {
		return lab.Build(ctx, dir, program)
	}
	folder, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", program).Output()
	if err != nil {
		return "", fmt.Errorf("find the source of %s: %w", program, err)
	}
	source, overlay := filepath.Join(dir, "profile.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(source, profileSource, 0o600); err != nil {
		return "", err
	}
	added := filepath.Join(strings.TrimSpace(string(folder)), "profile_for_benchmark.go")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {added: source}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return "", err
	}
	return lab.Build(ctx, dir, program, "-overlay", overlay)
}

// writeProfiles has every sealmilter write its profile, and takes the profiles away.
func writeProfiles(ctx context.Context, sites []*site, from, to string) error {
	for _, s := range sites {
		if to == "" || !s.variant.seals() {
			continue
		}
		if err := s.milter.Signal(syscall.SIGUSR1); err != nil {
			return err
		}
		if err := s.milter.WaitLog(ctx, "profile written"); err != nil {
			return err
		}
		profile, err := os.ReadFile(s.profile(from))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, string(s.variant)+".pprof"), profile, 0o644); err != nil {
			return err
		}
	}
	return nil
}

package lab

import (
	"context"
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
)

// Build compiles a main package of this module into the folder dir and returns the program's path. The working
// directory must lie in the module. Flags are those of go build, such as "-race".
func Build(ctx context.Context, dir, pkg string, flags ...string) (string, error) {
	program := filepath.Join(dir, path.Base(pkg))
	args := append([]string{"build", "-o", program}, flags...)
	out, err := exec.CommandContext(ctx, "go", append(args, pkg)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build %s: %w%s", pkg, err, quoteLog(string(out)))
	}
	return program, nil
}

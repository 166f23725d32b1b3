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
//
// A program that was made from the same source before is only copied: go run keeps what it has linked, which go build
// does not.
func Build(ctx context.Context, dir, pkg string, flags ...string) (string, error) {
	program := filepath.Join(dir, path.Base(pkg))
	args := append([]string{"run", "-exec", "cp"}, flags...)
	// Instead of the program, cp runs with the path of the program as its first argument.
	out, err := exec.CommandContext(ctx, "go", append(args, pkg, program)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build %s: %w%s", pkg, err, quoteLog(string(out)))
	}
	return program, nil
}

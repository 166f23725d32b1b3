package lab

import (
	"context"
	"path/filepath"
	"strconv"
)

// Bind shows a folder of this machine at a path of the host, as long as the host runs. What is written there is written to
// the machine's folder.
func (h *Host) Bind(ctx context.Context, folder, path string) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	_, err = run(ctx, "", "nsenter", "--target", strconv.Itoa(h.pid), "--mount",
		"sh", "-c", `mkdir -p "$1" && mount --rbind "$0" "$1"`, folder, filepath.Join(h.dir, "root", path))
	return err
}

package systemd

import "os"

// Booted reports whether this host's services are those of systemd (sd_booted(3)).
func Booted() bool {
	info, err := os.Stat("/run/systemd/system")
	return err == nil && info.IsDir()
}

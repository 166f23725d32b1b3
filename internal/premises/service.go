package premises

import (
	"os"
	"path/filepath"
)

const (
	// ServiceUser is the system user that runs the daemon.
	ServiceUser = "sealmilter"
	// ServiceName is the daemon's unit of systemd.
	ServiceName = "sealmilter.service"
	// EnabledService and EnabledSocket are there if the unit, and the optional socket unit, are enabled.
	EnabledService = "/etc/systemd/system/multi-user.target.wants/" + ServiceName
	EnabledSocket  = "/etc/systemd/system/sockets.target.wants/sealmilter.socket"
)

// PackagedUnit returns the unit that a package has installed, "" if there is none.
func PackagedUnit() string {
	for _, folder := range []string{"/usr/lib/systemd/system", "/lib/systemd/system"} {
		if path := filepath.Join(folder, ServiceName); Exists(path) {
			return path
		}
	}
	return ""
}

// Masked reports whether an administrator keeps the service from being started (systemctl(1), mask).
func Masked() bool {
	for _, folder := range []string{"/etc/systemd/system", "/run/systemd/system"} {
		if to, err := os.Readlink(filepath.Join(folder, ServiceName)); err == nil && to == os.DevNull {
			return true
		}
	}
	return false
}

// Exists reports whether something lies at a path, be it a link to nowhere.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

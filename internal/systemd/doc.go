// Package systemd is a daemon's side of its service manager: it says how the daemon is (sd_notify(3)), that it lives
// (sd_watchdog_enabled(3)), and takes the sockets that were opened for it (sd_listen_fds(3)). Without a service manager all
// of it does nothing.
package systemd

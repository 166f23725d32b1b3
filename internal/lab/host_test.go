package lab_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab"
)

// TestHost holds a host to being one of its own: name, network, processes and files.
func TestHost(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	h, err := lab.StartHost(ctx, lab.HostConfig{Name: "mail.lab.test", Packages: []string{"postfix"}, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for command, want := range map[string]string{
		"hostname -f":              "mail.lab.test\n",
		"ip -o link | wc -l":       "1\n",
		"postconf -h mail_name":    "Postfix\n",
		"ls /proc | grep -c '^1$'": "1\n",
		"echo kept >/etc/new":      "",
	} {
		if got, err := h.Run(ctx, "sh", "-c", command); err != nil || got != want {
			t.Errorf("%s: %q, %v", command, got, err)
		}
	}
	if text, err := os.ReadFile(h.Path("/etc/new")); err != nil || string(text) != "kept\n" {
		t.Errorf("%q, %v", text, err)
	}
	var sink *lab.Sink
	err = h.Inside(func() (err error) {
		sink, err = lab.StartSink(lab.SinkConfig{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	if _, err := lab.Dial(ctx, sink.Addr); err == nil {
		t.Error("the host's network can be reached from outside")
	}
	err = h.Inside(func() error {
		client, err := lab.Dial(ctx, sink.Addr)
		if err != nil {
			return err
		}
		defer client.Drop()
		_, last, err := client.Send("a@lab.test", []string{"b@lab.test"}, []byte("\r\nhello\r\n"))
		if !strings.HasPrefix(last.String(), "250") {
			t.Errorf("the sink says %v", last)
		}
		return err
	})
	if err != nil || len(sink.Deliveries()) != 1 {
		t.Errorf("%v, %+v", err, sink.Deliveries())
	}
}

// TestHostBoots boots systemd, and boots it again: what was written stays, and what was enabled runs.
func TestHostBoots(t *testing.T) {
	if os.Getenv("SEALMILTER_TEST_RELEASE") == "" {
		t.Skip("make deb-test runs it")
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	h, err := lab.StartHost(ctx, lab.HostConfig{Name: "mail.lab.test", Packages: []string{"postfix"}, Systemd: true, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}()
	ids := make(map[string]bool)
	for range 2 {
		for command, want := range map[string]string{
			"hostname -f":                       "mail.lab.test\n",
			"cat /proc/1/comm":                  "systemd\n",
			"grep ^0: /proc/1/cgroup":           "0::/init.scope\n",
			"systemctl is-active postfix":       "active\n",
			"stat -f -c %T /dev /sys/fs/cgroup": "tmpfs\ncgroup2fs\n",
			// The kernel is the machine's.
			"echo 1 2>&1 >/proc/sys/kernel/core_uses_pid || echo": "Read-only file system\n\n",
			// What a unit is given by mounts arrives.
			"systemd-run -q --wait -p User=nobody -p LoadCredential=word:/etc/hostname -P sh -c 'cat $CREDENTIALS_DIRECTORY/word'": "mail.lab.test\n",
		} {
			if got, err := h.Run(ctx, "sh", "-c", command); err != nil || !strings.HasSuffix(got, want) {
				t.Errorf("%s: %q, %v", command, got, err)
			}
		}
		id, err := h.Run(ctx, "cat", "/etc/machine-id")
		if err != nil {
			t.Fatal(err)
		}
		ids[id] = true
		if err := h.Reboot(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if len(ids) != 1 || ids[""] {
		t.Errorf("the host has become another one: %v", ids)
	}
}

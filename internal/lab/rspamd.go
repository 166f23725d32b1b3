package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Rspamd is the real spam filter from Debian's package, as a milter with a few of its rules: it refuses the test pattern
// GTUBE, and writes down what it thinks of every message, for local and authenticated clients, too.
type Rspamd struct {
	// Addr is where MTAs find the milter, "127.0.0.1:port".
	Addr string

	scratch
	process *Process
}

// StartRspamd starts a filter and returns when it accepts connections. Progress gets a line for each step that may take
// long; nil discards them. The caller closes it.
func StartRspamd(ctx context.Context, progress io.Writer) (*Rspamd, error) {
	tree, err := Unpack(ctx, progress, "rspamd")
	if err != nil {
		return nil, fmt.Errorf("start rspamd: %w", err)
	}
	r := &Rspamd{}
	return started("rspamd", r, r.start(ctx, tree))
}

func (r *Rspamd) start(ctx context.Context, tree Tree) error {
	if err := r.claim(&r.Addr); err != nil {
		return err
	}
	share := tree.Path("/usr/share/rspamd")
	err := r.write(0o600, map[string]string{
		"rspamd.conf": rspamdConf(share, r.dir, r.Addr),
		"domains":     "com\nnet\norg\nexample\n", // the whole public suffix list would take 20 seconds to compile
	})
	if err != nil {
		return err
	}
	args := []string{"-f", "-i", "-u", "root", "-g", "root", "-c", r.path("rspamd.conf")}
	for name, value := range map[string]string{
		"CONFDIR": tree.Path("/etc/rspamd"), "LOCAL_CONFDIR": r.dir, "DBDIR": r.dir, "RUNDIR": r.dir, "LOGDIR": r.dir,
		"SHAREDIR": share, "PLUGINSDIR": share + "/plugins", "LUALIBDIR": share + "/lualib", "RULESDIR": share + "/rules",
	} {
		args = append(args, "--var="+name+"="+value)
	}
	if r.process, err = StartProcess(tree.Command(context.WithoutCancel(ctx), "/usr/bin/rspamd", args...)); err != nil {
		return err
	}
	return r.process.WaitListen(ctx, "tcp", r.Addr)
}

// rspamdConf returns a configuration that needs no other host: nobody answers its DNS questions.
func rspamdConf(share, dir, addr string) string {
	return fmt.Sprintf(`options {
  filters = "";
  disable_hyperscan = true;
  url_tld = "%[2]s/domains";
  tempdir = "%[2]s";
  hs_cache_dir = "%[2]s/";
  control_socket = "%[2]s/control mode=0600";
  dns { nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }
  local_addrs = ["192.0.2.0/24"];
}
logging { type = "console"; level = "info"; color = false; }
lua = "%[1]s/rules/rspamd.lua";
modules { path = "%[1]s/plugins/forged_recipients.lua"; path = "%[1]s/plugins/milter_headers.lua"; }
forged_recipients { symbol_rcpt = "FORGED_RECIPIENTS"; symbol_sender = "FORGED_SENDER"; }
milter_headers {
  use = ["x-spamd-result", "x-rspamd-queue-id", "x-rspamd-server"];
  skip_local = false;
  skip_authenticated = false;
}
actions { reject = 100; add_header = 60; }
group "lab" { symbol "FORGED_RECIPIENTS" { weight = 2.0; } }
worker "rspamd_proxy" {
  bind_socket = "%[3]s";
  count = 1;
  milter = yes;
  upstream "local" { default = yes; self_scan = yes; }
}
`, share, dir, addr)
}

// Log returns what the filter has logged so far.
func (r *Rspamd) Log() string {
	if r.process == nil {
		return ""
	}
	return r.process.Log()
}

// Close ends the filter. It may be called again.
func (r *Rspamd) Close() error {
	var ended error
	if r.process != nil {
		ended = r.process.Kill()
		r.process = nil
	}
	return errors.Join(ended, r.release())
}

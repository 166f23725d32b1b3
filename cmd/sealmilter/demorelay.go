package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"sealmilter/deploy/postfix"
	"sealmilter/internal/lab"
)

// demoRelay is a private relay host: Postfix with the shipped fragments, this program as milter, a next hop that keeps
// what it gets, and gpg with the recipients' secret keys.
type demoRelay struct {
	postfix   *lab.Postfix
	sink      *lab.Sink
	gpg       *lab.GPG
	senderKey string // fingerprint

	config  string
	closers []func() error
}

func startDemoRelay(ctx context.Context, progress io.Writer) (*demoRelay, error) {
	r := &demoRelay{}
	if err := r.start(ctx, progress); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *demoRelay) start(ctx context.Context, progress io.Writer) error {
	dir, err := os.MkdirTemp("", "sealmilter-demo-")
	if err != nil {
		return err
	}
	r.closers = append(r.closers, func() error { return os.RemoveAll(dir) })
	var ports lab.Ports
	r.closers = append(r.closers, func() error { return ports.Close() })
	var listen, reinject string
	if err := ports.Reserve(&listen, &reinject); err != nil {
		return err
	}
	r.config = filepath.Join(dir, "sealmilter.toml")
	const text = `listen = "inet:%s"
reinject = "%s"
mta_users = ["root", "postfix", "news"]
state = "%s"
admin = ""
keys.sources = ["local"]
[[policy.rule]]
to = ["@bank.example"]
mode = "require"
[senders.logins]
alice = ["%s"]
`
	if err := os.WriteFile(r.config, fmt.Appendf(nil, text, listen, reinject, filepath.Join(dir, "state"), demoSender), 0o600); err != nil {
		return err
	}
	if r.gpg, err = lab.NewGPG(ctx, progress); err != nil {
		return err
	}
	r.closers = append(r.closers, r.gpg.Close)
	if err := r.makeKeys(ctx, progress); err != nil {
		return err
	}
	if r.sink, err = lab.StartSink(lab.SinkConfig{}); err != nil {
		return err
	}
	r.closers = append(r.closers, r.sink.Close)
	auth, err := lab.StartAuth(map[string]string{"alice": "alice"})
	if err != nil {
		return err
	}
	r.closers = append(r.closers, auth.Close)
	if err := r.serve(ctx, listen); err != nil {
		return err
	}
	r.postfix, err = lab.StartPostfix(ctx, lab.PostfixConfig{
		Relay:    r.sink.Addr,
		Auth:     auth.Addr,
		Main:     postfix.MainCF(listen),
		Master:   postfix.MasterCF(listen, reinject),
		Progress: progress,
	})
	if err != nil {
		return err
	}
	r.closers = append(r.closers, r.postfix.Close)
	return nil
}

// makeKeys has gpg make the recipients' keys and this program the sender's.
func (r *demoRelay) makeKeys(ctx context.Context, progress io.Writer) error {
	for _, addr := range []string{demoKeyed, demoHidden} {
		fmt.Fprintf(progress, "gpg makes a key for %s\n", addr)
		print, err := r.gpg.Generate(ctx, addr, "")
		if err != nil {
			return err
		}
		cert, err := r.gpg.ExportPublic(ctx, print)
		if err != nil {
			return err
		}
		if _, err := r.run(ctx, cert, "keys", "import", "-"); err != nil {
			return err
		}
	}
	fmt.Fprintf(progress, "sealmilter makes a key for %s\n", demoSender)
	if _, err := r.run(ctx, nil, "keys", "generate", demoSender); err != nil {
		return err
	}
	cert, err := r.run(ctx, nil, "keys", "export", demoSender)
	if err != nil {
		return err
	}
	if err := r.gpg.Import(ctx, cert); err != nil {
		return err
	}
	r.senderKey, err = r.gpg.Fingerprint(ctx, "<"+demoSender+">")
	return err
}

// run executes this program.
func (r *demoRelay) run(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, append(args, "-c", r.config)...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("sealmilter %v: %w: %s", args, err, stderr.String())
	}
	return out, nil
}

// serve starts this program as milter.
func (r *demoRelay) serve(ctx context.Context, listen string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	milter, err := lab.StartProcess(exec.Command(program, "serve", "-c", r.config))
	if err != nil {
		return err
	}
	r.closers = append(r.closers, milter.Kill)
	return milter.WaitListen(ctx, "tcp", listen)
}

// close ends what start began, the last first.
func (r *demoRelay) close() error {
	var failures []error
	for i := len(r.closers) - 1; i >= 0; i-- {
		failures = append(failures, r.closers[i]())
	}
	r.closers = nil
	return errors.Join(failures...)
}

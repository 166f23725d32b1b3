package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/internal/admin"
	"sealmilter/internal/event"
	"sealmilter/internal/gate"
	"sealmilter/internal/localuser"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
	"sealmilter/internal/systemd"
	"sealmilter/internal/web"
	"sealmilter/keys"
	"sealmilter/milter"
)

// drainTime is how long messages in work may take to end after SIGTERM. With [milter.DefaultGrace], in which what was cut
// short is noted, it stays below the 75 seconds that the shipped unit gives the daemon.
const drainTime = 50 * time.Second

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the milter",
		Long: `Run the milter until SIGTERM, which lets messages in work come to their end. SIGHUP reads the configuration
again: policy, keys, headers, crypto, mta_users and most of senders take effect with the next message; everything else needs a
restart, in [senders] passphrase_file, secrets and extend. A configuration with an error is refused and the old one stays.

With --test, the configuration is read as at SIGHUP, and nothing else is done: it is for systemctl reload, which then fails
where somebody sees it.`,
		Args: cobra.NoArgs,
	}
	test := cmd.Flags().Bool("test", false, "say whether the configuration, with the files that it names, is valid, and end")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *test {
			return testConfiguration(cmd)
		}
		manager, err := systemd.FromEnvironment()
		if err != nil {
			return err
		}
		defer endOnAbort(cmd.ErrOrStderr())()
		opened := extendStart(manager)
		defer opened()
		err = withInstallation(cmd, changes, func(i *installation) error {
			opened()
			return i.serve(cmd, manager)
		})
		opened() // or what it says comes behind the last word
		return ended(manager, err)
	}
	return cmd
}

func (i *installation) serve(cmd *cobra.Command, manager *systemd.Manager) error {
	recent := event.NewRecent(recentCopies)
	log, err := newLogger(cmd.ErrOrStderr(), i.Config.Log, i.Config.State, recent.Add)
	if err != nil {
		return err
	}
	slog.SetDefault(log) // the milter library logs there
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	if err := i.Store.Ping(cmd.Context()); err != nil { // nothing can be done without it
		return err
	}
	if err := i.Store.Serve(cmd.Context()); err != nil {
		return err
	}

	standby, err := i.startWitness(log)
	if err != nil {
		return err
	}
	defer standby.Close()
	out := outbox.New(i.Config.Reinject, i.Store, time.Now)
	defer out.Close()
	out.Witness = standby
	counts, err := i.newMetrics()
	if err != nil {
		return err
	}
	observer := &admin.KeyObserver{Log: log, Metrics: counts}
	now, err := i.start(i.Config, out, log, observer)
	if err != nil {
		return err
	}
	defer func() { now.stop() }()
	var current atomic.Pointer[gate.Gate]
	counts.InForce(now.gate)
	current.Store(now.gate)

	server := &milter.Server{
		// The message keeps the configuration that it began with.
		Begin: func(ctx context.Context, env *mail.Envelope) (milter.Handler, error) {
			t, err := current.Load().Begin(ctx, env)
			if t == nil || err != nil {
				return nil, err
			}
			return t, nil
		},
		Users:          &localuser.Host{},
		MTA:            func(user string) bool { return slices.Contains(current.Load().Config.MTAUsers, user) },
		Other:          out.Guard,
		Log:            log,
		MaxMessage:     i.Config.Limits.Message,
		MaxInFlight:    i.Config.Limits.InFlight,
		MaxRecipients:  i.Config.Limits.Recipients,
		MaxConnections: i.Config.Limits.Connections,
		FurtherCopies:  outbox.MostBeside,
		MessageTime:    i.Config.Limits.Duration,
		InFlight:       newMemoryLimit(runtimeMemory{}).inFlight,
	}
	sound := i.health(server, standby)
	counts.Watch(server, out, standby, sound)
	open, err := i.openSockets(manager)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if open.admin != nil {
		defer web.Serve(open.admin, i.adminPages(cmd, current.Load, sound, counts, log, recent), log).Close()
	}
	if open.publish != nil {
		defer web.Serve(open.publish, keys.NewWKDHandler(i.Senders), log).Close()
	}
	caring, stopCaring := context.WithCancel(context.WithoutCancel(cmd.Context()))
	var cared sync.WaitGroup
	cared.Go(func() { newCare(i, counts, log, current.Load).run(caring) })
	supervised := &supervisor{manager: manager, log: log, server: server, ping: i.Store.Ping, ready: sound.Ready}
	cared.Go(func() { supervised.run(caring) })
	defer func() {
		stopCaring()
		cared.Wait()
	}()

	served := make(chan error, 1)
	go func() { served <- server.Serve(open.mail) }()
	<-server.Serving()
	event.Serving.Log(log, event.Version(version()), event.Listen(i.Config.Listen.String()), event.Reinject(i.Config.Reinject),
		event.Mode(string(i.Config.Policy.Mode)))
	supervised.inForce(i.Config.Policy.Mode)
	for {
		select {
		case <-hangup:
			supervised.reloading()
			next, c, err := i.reload(cmd, out, log, observer)
			if err != nil {
				event.ReloadRefused.Log(log, event.Err(err))
				counts.NotInForce()
				supervised.notInForce(err)
				continue
			}
			counts.InForce(next.gate)
			current.Store(next.gate)
			now.stop()
			now = next
			supervised.inForce(c.Policy.Mode)
			event.Reloaded.Log(log, event.Mode(string(c.Policy.Mode)))
		case err := <-served:
			return err
		case <-cmd.Context().Done():
			event.Draining.Log(log)
			supervised.stopping()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), drainTime)
			defer cancel()
			if err := server.Shutdown(ctx); err != nil {
				return fmt.Errorf("messages were still in work after %v; their clients will try again: %w", drainTime, err)
			}
			event.Stopped.Log(log)
			return nil
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/internal/config"
)

// prove checks the settings that are in force now, and sends a test message. It reports whether all is well; the error is
// for what is to be taken back: an MTA that does not ask sealmilter after all.
func (s *setup) prove(cmd *cobra.Command) (bool, error) {
	ctx := cmd.Context()
	if err := s.findMTA(ctx); err != nil { // anew, with the settings as they are
		return false, err
	}
	report := &checkReport{out: s.steps.out, asJSON: s.steps.asJSON}
	report.findings(s.mta.Check(s.config))
	report.anySender(ctx, s.config)
	client := s.mta.ClientAddress()
	switch {
	case !listens(ctx, s.config.Listen):
		report.add("warning", "test message", "sealmilter does not run yet, so none was sent; mail waits at the clients until it does",
			"start sealmilter, then type sealmilter setup "+s.which+" once more")
	case client == "":
		report.add("warning", "test message", "the MTA takes no mail at port 25, so none was sent", "send yourself a message")
	case !waitFor(ctx, client):
		report.add("warning", "test message", s.mta.Name()+" does not run, so none was sent", "start it, then type sealmilter setup "+s.which+" once more")
	case !waitFor(ctx, s.config.Reinject):
		report.add("warning", "test message", fmt.Sprintf("%s runs and does not listen at %s, so none was sent: it has not read its settings again", s.mta.Name(), s.config.Reinject),
			"postfix reload, or restart sendmail; then type sealmilter setup "+s.which+" once more")
	default:
		report.listeners(s.config)
		if before := report.errors; report.testMessage(ctx, s.config, client) && report.errors > before {
			return false, errors.Join(errors.New("the test message did not come through"), report.err)
		}
	}
	return report.errors == 0, errors.Join(s.steps.err, report.err)
}

// anySender says what it means for the mail that now comes to sealmilter if nobody's key can sign it.
func (r *checkReport) anySender(ctx context.Context, c *config.Config) {
	if err := lostDatabase(c); err != nil {
		r.fail("error", "senders", err, "")
		return
	}
	i, err := openState(ctx, c)
	if err != nil {
		r.fail("error", "state", err, "sealmilter check says more")
		return
	}
	switch all, err := i.senders.List(ctx); {
	case err != nil:
		r.fail("error", "senders", err, "sealmilter check says more")
	case len(all) == 0:
		r.noSender(c.Senders.MissingKey)
	}
	r.err = errors.Join(r.err, i.close())
}

// waitFor waits a while until a server listens: an MTA that was told of new settings opens its listeners a little later.
func waitFor(ctx context.Context, address string) bool {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			conn.Close()
			return true
		}
		if wait(ctx, 100*time.Millisecond) != nil {
			return false
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/internal/doctor"
	"sealmilter/internal/wiring"
)

// prove checks the settings that are in force now, and sends a test message. It reports whether all is well; the error is
// for what is to be taken back: an MTA that does not ask sealmilter after all.
func (s *setup) prove(cmd *cobra.Command) (bool, error) {
	ctx := cmd.Context()
	if err := s.findMTA(ctx); err != nil { // anew, with the settings as they are
		return false, err
	}
	report := newReport(cmd, s.steps.asJSON)
	report.Findings(s.mta.Check(s.config))
	report.AnySender(ctx, s.config)
	client := s.mta.ClientAddress()
	switch {
	case !doctor.Listens(ctx, s.config.Listen):
		report.Findings(notTested("sealmilter does not run yet, so none was sent; mail waits at the clients until it does",
			"start sealmilter, then type sealmilter setup "+s.which+" once more"))
	case client == "":
		report.Findings(notTested("the MTA takes no mail at port 25, so none was sent", "send yourself a message"))
	case !waitFor(ctx, client):
		report.Findings(notTested(s.mta.Name()+" does not run, so none was sent", "start it, then type sealmilter setup "+s.which+" once more"))
	case !waitFor(ctx, s.config.Reinject):
		report.Findings(notTested(fmt.Sprintf("%s runs and does not listen at %s, so none was sent: it has not read its settings again", s.mta.Name(), s.config.Reinject),
			"postfix reload, or restart sendmail; then type sealmilter setup "+s.which+" once more"))
	default:
		report.Listeners(s.config)
		if before := report.Errors(); report.TestMessage(ctx, s.config, client) && report.Errors() > before {
			return false, errors.Join(errors.New("the test message did not come through"), report.Err())
		}
	}
	return report.Errors() == 0, errors.Join(s.steps.err, report.Err())
}

// notTested says that no test message was sent.
func notTested(why, mend string) []wiring.Finding {
	return []wiring.Finding{{State: wiring.Warning, Topic: "test message", Detail: why, Mend: mend}}
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

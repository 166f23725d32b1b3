package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/deploy"
	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

func newCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration, the keys and the MTA's listener; say what is wrong and how to mend it",
		Args:  cobra.NoArgs,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := loadConfig(cmd)
		if err != nil {
			return err
		}
		report := checkReport{out: cmd.OutOrStdout(), asJSON: *asJSON}
		report.add("ok", "configuration", "every key is valid", "")
		switch i, err := openExisting(cmd.Context(), c); {
		case err != nil:
			report.add("error", "state", err.Error(), "")
		case i == nil:
			report.add("warning", "state", c.State+" does not exist yet",
				"sealmilter setup makes it; by hand: install -d -m 0700 -o USER "+c.State+", with the user that runs serve")
		default:
			report.owner(c.State)
			database := "the database in " + c.State
			if c.Database != "" {
				database = "the PostgreSQL database"
			}
			report.add("ok", "state", database+" can be used", "")
			report.keys(cmd, i)
			report.siteKeys(cmd, i)
			report.sources(i)
			report.conflicts(cmd, i)
			report.err = errors.Join(report.err, i.close())
		}
		report.smime(cmd.Context(), c)
		report.archive(cmd.Context(), c)
		report.mta(cmd.Context(), c)
		report.listeners(c)
		if report.err != nil {
			return report.err
		}
		if report.errors > 0 {
			return fmt.Errorf("errors found: %d", report.errors)
		}
		return nil
	}
	return cmd
}

// openExisting opens the state directory of a configuration, nil if it does not exist: made here, it would belong to
// whoever checks.
func openExisting(ctx context.Context, c *config.Config) (*installation, error) {
	if _, err := os.Stat(c.State); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return openState(ctx, c)
}

// checkLine is one finding.
type checkLine struct {
	State  string `json:"state"` // ok, warning or error
	Topic  string `json:"topic"`
	Detail string `json:"detail"`
	Mend   string `json:"mend,omitempty"`
}

// checkReport prints findings as they come.
type checkReport struct {
	out    io.Writer
	asJSON bool
	errors int
	err    error // of printing
}

func (r *checkReport) add(state, topic, detail, mend string) {
	if state == "error" {
		r.errors++
	}
	var err error
	if r.asJSON {
		err = printJSON(r.out, checkLine{state, topic, detail, mend})
	} else {
		_, err = fmt.Fprintf(r.out, "%-8s %s: %s\n", state, topic, detail)
		if mend != "" {
			_, err = fmt.Fprintf(r.out, "         -> %s\n", mend)
		}
	}
	r.err = errors.Join(r.err, err)
}

// keys looks at the senders' secret keys: each must open and be able to sign.
func (r *checkReport) keys(cmd *cobra.Command, i *installation) {
	all, err := i.senders.List(cmd.Context())
	if err != nil {
		r.add("error", "senders", err.Error(), "")
		return
	}
	if len(all) == 0 {
		r.noSender(i.config.Senders.MissingKey)
	}
	expiring, err := i.expiring(cmd.Context())
	if err != nil {
		r.add("error", "senders", err.Error(), "")
		return
	}
	for _, key := range all {
		topic := "sender " + key.Address
		if err := i.checkSender(cmd, key.Address); err != nil {
			r.add("error", topic, err.Error(), "")
			continue
		}
		if err := key.Cert.Check(time.Now()); err != nil && i.config.Crypto.EncryptToSelf {
			r.add("warning", topic, "they will not be able to read their encrypted copies: "+err.Error(),
				"encrypt_to_self wants a key with an encryption subkey: docs/archive.md")
		}
		if e, soon := expiring[key.Fingerprint]; soon {
			mend := "import one that is valid for longer"
			if e.Generated && i.config.Senders.Extend > 0 {
				mend = "the running daemon extends it; see its log if it does not"
			}
			r.add("warning", topic, fmt.Sprintf("the key expires on %s, in %d days", e.Expires.Format(time.DateOnly), e.Days), mend)
			continue
		}
		if !key.Locked {
			mend := "import the key again: docs/senders.md"
			if i.config.Senders.PassphraseFile == "" {
				mend = "set passphrase_file in [senders] and " + mend
			}
			r.add("warning", topic, "the key is stored without a passphrase", mend)
			continue
		}
		r.add("ok", topic, "the key "+key.Fingerprint+" can sign", "")
	}
}

// noSender says what it means that no sender has a secret key.
func (r *checkReport) noSender(missing config.MissingKey) {
	const mend = "sealmilter keys generate ADDR, or keys import FILE, for each sender; docs/setup.md tells what to do for cron and other programs"
	switch missing {
	case config.GenerateKey:
		r.add("ok", "senders", "there is no secret key yet; one is made with a sender's first message", "")
	case config.EncryptOnly:
		r.add("warning", "senders", "there is no secret key: mail is signed by nobody, and refused for recipients without a key", mend)
	default: // config.RejectSender
		r.add("warning", "senders", "there is no secret key: mail that would have to be signed is refused", mend)
	}
}

// owner says so if the daemon cannot use a state directory that root can.
func (r *checkReport) owner(state string) {
	if _, err := user.Lookup(serviceUser); err != nil {
		return
	}
	info, err := os.Stat(state)
	if err != nil {
		return
	}
	if its, known := ownerOf(info); known && its.uid == 0 {
		r.add("warning", "state", fmt.Sprintf("%s belongs to root: a daemon that runs as the user %s cannot use it", state, serviceUser),
			fmt.Sprintf("chown -R %s: %s", serviceUser, state))
	}
}

// expiring returns the senders' keys that come to their end soon, by fingerprint.
func (i *installation) expiring(ctx context.Context) (map[string]keys.Expiring, error) {
	all, err := i.senders.Expiring(ctx)
	soon := make(map[string]keys.Expiring)
	for _, e := range all {
		if e.Step != keys.NotExpiring && e.Err == nil {
			soon[e.Fingerprint] = e
		}
	}
	return soon, err
}

// conflicts says that certificates wait for a decision.
func (r *checkReport) conflicts(cmd *cobra.Command, i *installation) {
	switch all, err := i.store.Conflicts(cmd.Context(), ""); {
	case err != nil:
		r.add("error", "keys", err.Error(), "")
	case len(all) > 0:
		r.add("warning", "keys", fmt.Sprintf("certificates that wait for a decision: %d", len(all)), "sealmilter keys list --conflicts")
	}
}

// sources tries whether the key sources can be opened at all.
func (r *checkReport) sources(i *installation) {
	sources, err := openSources(i.config, i.local)
	if err != nil {
		r.add("error", "keys", err.Error(), "")
		return
	}
	r.err = errors.Join(r.err, sources.Close())
	if slices.Contains(i.config.Keys.Sources, "dane") && !sources.resolver.Trusted() {
		r.add("warning", "keys", "what the resolver "+sources.resolver.String()+" says of DNSSEC cannot be believed, so no key is found by dane",
			"run a validating resolver on this host, or reach one by TLS: resolver in [keys]")
	}
	r.add("ok", "keys", "sources: "+strings.Join(i.config.Keys.Sources, ", "), "")
}

func (i *installation) checkSender(cmd *cobra.Command, address string) error {
	addr, err := mail.ParsePath(address)
	if err != nil {
		return err
	}
	_, err = i.senders.Signer(cmd.Context(), addr)
	return err
}

// startCommand says how the daemon is started on this host.
func startCommand() string {
	if systemdRuns() && (fileExists(deploy.UnitFile) || packagedUnit() != "") {
		return "systemctl start " + serviceName + "; if it does not stay, journalctl -u " + serviceName + " says why"
	}
	return "start it: sealmilter serve, as the user that the state directory belongs to"
}

// listeners tries the two ends of the wiring: the daemon's own and the MTA's.
func (r *checkReport) listeners(c *config.Config) {
	if conn, err := net.DialTimeout(c.Listen.Network, c.Listen.Address, 5*time.Second); err != nil {
		r.add("warning", "daemon", "nothing listens at "+c.Listen.String(), startCommand())
	} else {
		conn.Close()
		r.add("ok", "daemon", "something listens at "+c.Listen.String(), "")
	}
	conn, err := net.DialTimeout("tcp", c.Reinject, 5*time.Second)
	if err != nil {
		r.add("error", "MTA", "nothing listens at "+c.Reinject+": messages to several recipients cannot be sent",
			"start the MTA; if it runs, this listener is missing: sealmilter setup postfix, or setup sendmail")
		return
	}
	defer conn.Close()
	r.stranger(conn, c.Reinject)
}

// stranger tries to send through the MTA's loopback listener as any local user could, and expects to be refused.
func (r *checkReport) stranger(conn net.Conn, addr string) {
	reply, err := tryRecipient(conn)
	switch {
	case err != nil:
		r.add("error", "MTA", "the listener at "+addr+" does not speak SMTP: "+err.Error(), "check the MTA's log")
	case strings.HasPrefix(reply, "2"):
		r.add("error", "MTA", "anybody on this host can send clear text through "+addr, "lock the listener as deploy/postfix/master.cf or deploy/sendmail/sealmilter.mc does")
	default:
		r.add("ok", "MTA", "the listener at "+addr+" refuses strangers", "")
	}
}

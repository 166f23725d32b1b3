package doctor

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"time"

	"sealmilter/deploy"
	"sealmilter/internal/config"
	"sealmilter/internal/premises"
	"sealmilter/internal/shell"
	"sealmilter/internal/systemd"
)

// startCommand says how the daemon is started on this host.
func startCommand(c *config.Config) string {
	if systemd.Booted() && (premises.Exists(deploy.UnitFile) || premises.PackagedUnit() != "") {
		unmask := ""
		if premises.Masked() {
			unmask = "systemctl unmask " + premises.ServiceName + " && "
		}
		return unmask + "systemctl start " + premises.ServiceName + "; if it does not stay, journalctl -u " + premises.ServiceName + " says why"
	}
	if its, there := accessOf(c.State); there && its.known && its.owner.UID != 0 {
		return "runuser -u " + shell.Quote(nameOf(its.owner.UID)) + " -- sealmilter serve"
	}
	return "start it: sealmilter serve, as the user that the state directory belongs to"
}

// mtaLog shows what the MTA has written last.
const mtaLog = "journalctl -n 20 --facility=mail, or tail -n 20 /var/log/mail.log"

// startMTA says how the MTA of this host comes to listen for copies.
func startMTA() string {
	postfix, sendmail := premises.Exists("/etc/postfix/main.cf"), premises.Exists("/etc/mail/sendmail.cf")
	switch {
	case postfix && !sendmail && systemd.Booted():
		return "systemctl start postfix; if it runs already: postfix reload; if it lacks this listener: sealmilter setup postfix"
	case postfix && !sendmail:
		return "postfix start; if it runs already: postfix reload; if it lacks this listener: sealmilter setup postfix"
	case sendmail && !postfix:
		return "systemctl start sendmail; if it runs already: systemctl restart sendmail; if it lacks this listener: sealmilter setup sendmail"
	default: // nobody knows which of them is meant
		return "start the MTA (postfix start, or systemctl start sendmail); if it runs, have it read its settings (postfix reload, or restart sendmail); if they lack this listener: sealmilter setup postfix, or setup sendmail"
	}
}

// Listeners tries the MTA's end of the wiring: the listener for copies.
func (r *Report) Listeners(c *config.Config) {
	conn, err := net.DialTimeout("tcp", c.Reinject, 5*time.Second)
	if err != nil {
		r.add("error", "MTA", "nothing listens at "+c.Reinject+": messages to several recipients cannot be sent",
			startMTA())
		return
	}
	defer conn.Close()
	r.stranger(conn, c.Reinject)
}

// stranger tries to send through the MTA's loopback listener as any local user could, and expects to be refused.
func (r *Report) stranger(conn net.Conn, addr string) {
	reply, err := tryRecipient(conn)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.add("error", "MTA", "the listener at "+addr+" does not come to an answer: it waits for sealmilter, or for another filter", restart+"; "+mtaLog)
	case err != nil:
		r.add("error", "MTA", "the listener at "+addr+" does not speak SMTP: "+err.Error(), mtaLog)
	case strings.HasPrefix(reply, "2"):
		r.add("error", "MTA", "anybody on this host can send clear text through "+addr, "take the listener out of the MTA's settings, and type sealmilter setup postfix, or setup sendmail")
	default:
		r.add("ok", "MTA", "the listener at "+addr+" refuses strangers", "")
	}
}

// Listens reports whether a server accepts connections at an address.
func Listens(ctx context.Context, at config.Listen) bool {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, at.Network, at.Address)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

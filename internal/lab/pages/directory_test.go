package pages

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

// startDirectory gives the host Web Key Directories, and a key server of its own, whose files are the host's:
// /srv/wkd/DOMAIN/LOCAL and /srv/vks/FINGERPRINT. A domain has a directory once its folder is there; with a file
// "silent" in it, it answers 503.
func (w *world) startDirectory(ctx context.Context, t *testing.T) {
	t.Helper()
	authority, err := lab.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	var names *lab.DNSServer
	var web *lab.Web
	err = w.Inside(func() (err error) {
		if names, err = lab.StartDNS(); err != nil {
			return err
		}
		labtest.CloseAfter(t, names.Close)
		web, err = lab.StartWeb(authority, w.serveKeys)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	labtest.CloseAfter(t, web.Close)
	for _, host := range []string{"openpgpkey.example.net", "openpgpkey.bank.example", "keys.example.org"} {
		if err := names.Set(host, lab.DNSName{Records: []string{"A 127.0.0.1"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(w.Path("/etc/sealmilter"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := authority.WritePEM(w.Path("/etc/sealmilter/authority.pem")); err != nil {
		t.Fatal(err)
	}
	w.must(ctx, t, `mkdir -p /srv/wkd /srv/vks && cat >/etc/sealmilter/sealmilter.toml <<'END'
[senders]
passphrase_file = "/etc/sealmilter/passphrase"
[keys]
sources = ["local", "wkd", "vks"]
resolver = "`+names.Addr+`"
private = ["127.0.0.0/8"]
ca_file = "/etc/sealmilter/authority.pem"
wkd.port = `+web.Port()+`
vks.server = "https://keys.example.org:`+web.Port()+`"
END`)
}

// serveKeys answers a question for a key.
func (w *world) serveKeys(r lab.WebRequest) lab.Behaviour {
	target, err := url.Parse(r.Target)
	if err != nil {
		return lab.Status(http.StatusBadRequest)
	}
	file := "/srv/vks/" + path.Base(target.Path)
	if domain, isDirectory := strings.CutPrefix(r.Host, "openpgpkey."); isDirectory {
		folder := "/srv/wkd/" + domain
		if _, err := os.Stat(w.Path(folder + "/silent")); err == nil {
			return lab.Status(http.StatusServiceUnavailable)
		}
		if _, err := os.Stat(w.Path(folder)); err == nil && path.Base(target.Path) == "policy" {
			return lab.Found(nil)
		}
		file = folder + "/" + path.Base(target.Query().Get("l"))
	}
	content, err := os.ReadFile(w.Path(file))
	if err != nil {
		return lab.Status(http.StatusNotFound)
	}
	return lab.Found(content)
}

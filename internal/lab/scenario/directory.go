package scenario

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"sealmilter/internal/lab"
)

// The people whose certificates only their domains have, and the domain whose directory answers 503.
var (
	published    = []string{"walter@wkd.example", "wanda@wkd.example"}
	silentDomain = "silent.example"
)

// directory is what the recipients' domains show of themselves: names and Web Key Directories. A domain that is not in
// it does not exist.
type directory struct {
	names     *lab.DNSServer
	authority *lab.Authority
	keys      *lab.WKDServer
}

func (w *World) startDirectory() (err error) {
	d := &w.directory
	if d.names, err = lab.StartDNS(); err != nil {
		return err
	}
	w.close = append(w.close, d.names.Close)
	if d.authority, err = lab.NewAuthority(); err != nil {
		return err
	}
	if d.keys, err = lab.StartWKD(d.authority); err != nil {
		return err
	}
	w.close = append(w.close, d.keys.Close)
	for _, domain := range []string{"wkd.example", silentDomain} {
		d.keys.AddDomain(domain, lab.Advanced)
		if err := d.names.Set(d.keys.Host(domain), lab.DNSName{Records: []string{"A 127.0.0.1"}}); err != nil {
			return err
		}
	}
	return d.authority.WritePEM(filepath.Join(w.dir, "authority.pem"))
}

// settings are the lines of the configuration by which the program finds the directory.
func (d *directory) settings() string {
	_, port, err := net.SplitHostPort(d.keys.Addr)
	if err != nil {
		port = "0" // no configuration takes that
	}
	return fmt.Sprintf(`keys.resolver = %q
keys.private = ["127.0.0.0/8"]
keys.ca_file = "authority.pem"
keys.wkd.port = %s
`, d.names.Addr, port)
}

// become makes the directory of wkd.example answer in another way: "up" is the usual one, "down" is 503 to every
// question.
func (d *directory) become(state string) error {
	d.keys.Reset()
	d.keys.Set(d.keys.Host(silentDomain), "", lab.Status(503))
	switch state {
	case "up":
		return nil
	case "down":
		d.keys.Set(d.keys.Host("wkd.example"), "", lab.Status(503))
		return nil
	}
	return errors.New("the directory can be up or down")
}

package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"sealmilter/internal/systemd"
	"sealmilter/internal/web"
	"sealmilter/milter"
)

// sockets are where the daemon listens: for the mail server, for administrators and for those who want the senders'
// certificates. The latter two may be nil.
type sockets struct{ mail, admin, publish net.Listener }

// openSockets takes over what the service manager has opened, and opens the rest of what the configuration names. The caller
// closes them.
func (i *installation) openSockets(manager *systemd.Manager) (*sockets, error) {
	s, c := new(sockets), i.Config
	for _, one := range []struct {
		to                     *net.Listener
		name, setting, address string
		open                   func() (net.Listener, error)
	}{
		{&s.mail, "milter", "listen", c.Listen.Address, func() (net.Listener, error) { return listenMail(c.Listen.String()) }},
		{&s.admin, "admin", "admin", c.Admin, func() (net.Listener, error) { return web.Listen("admin", c.Admin) }},
		{&s.publish, "publish", "publish.listen", c.Publish.Listen, func() (net.Listener, error) { return web.Listen("publish.listen", c.Publish.Listen) }},
	} {
		l, err := listenFor(manager, one.name, one.setting, strings.TrimPrefix(one.address, "unix:"), one.open)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		*one.to = l
	}
	if names := manager.Unused(); len(names) > 0 {
		return nil, errors.Join(fmt.Errorf("nothing is done with the sockets %q that the service manager has opened: %w", names, errSockets), s.close())
	}
	return s, nil
}

func (s *sockets) close() (err error) {
	for _, l := range []net.Listener{s.mail, s.admin, s.publish} {
		if l != nil {
			err = errors.Join(err, l.Close())
		}
	}
	return err
}

// listenMail opens the milter's own address.
func listenMail(address string) (net.Listener, error) {
	l, err := milter.Listen(address)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w; does sealmilter run already? If not, set listen to another address, and type sealmilter setup once more", err)
	}
	return l, err
}

// errSockets says what may be handed over.
var errSockets = errors.New("FileDescriptorName= of a socket unit is one of milter, admin and publish")

// listenFor returns the socket that the service manager has opened for one of the daemon's listeners, and opens one where it
// has none. Address is what the configuration has, in the form of a [net.Addr] or empty for none.
func listenFor(manager *systemd.Manager, name, setting, address string, open func() (net.Listener, error)) (net.Listener, error) {
	l, err := manager.Listener(name)
	switch {
	case err != nil:
		return nil, err
	case l == nil && address == "":
		return nil, nil
	case l == nil:
		return open()
	case address != "" && !sameAddress(l.Addr(), address):
		// The mail server, and the program's own commands, would look for it where the configuration says.
		return nil, errors.Join(fmt.Errorf("the socket unit opens %s, and %s says %s; give both the same address", l.Addr(), setting, address), l.Close())
	}
	return l, nil
}

// sameAddress compares the address of a listener with a configured one. A host by its name may be any.
func sameAddress(is net.Addr, configured string) bool {
	tcp, ok := is.(*net.TCPAddr)
	if !ok {
		return is.String() == configured
	}
	host, port, err := net.SplitHostPort(configured)
	if err != nil || port != fmt.Sprint(tcp.Port) {
		return false
	}
	ip := net.ParseIP(host)
	return ip == nil || ip.Equal(tcp.IP)
}

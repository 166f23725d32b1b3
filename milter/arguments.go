package milter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"

	lib "github.com/emersion/go-milter"

	"sealmilter/internal/mail"
)

// maxArguments limits the arguments of one MAIL or RCPT in octets. Both MTAs end an SMTP command line well before it.
const maxArguments = 8192

var (
	errArguments     = errors.New("longer than any mail address with its parameters can be")
	errNullRecipient = errors.New("the empty address, to which nothing can be sent")
)

// arguments splits the data of a MAIL or RCPT event: the path octet for octet, and the ESMTP parameters. The library
// trims the one and drops the others.
func arguments(data []byte) (path string, parameters []string) {
	words := strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
	return words[0], words[1:]
}

// sender returns the reverse-path of a MAIL event as an address.
func sender(data []byte) (mail.Addr, error) {
	path, _ := arguments(data)
	addr, err := mail.ParsePath(path)
	if len(data) > maxArguments {
		err = errArguments
	}
	if err != nil {
		return mail.Addr{}, &mail.Failure{Code: 553, Enhanced: "5.1.7", Text: "The sender is " + err.Error() + ".", Err: err}
	}
	return addr, nil
}

// recipient returns what a RCPT event names.
func recipient(data []byte) (mail.Recipient, error) {
	path, parameters := arguments(data)
	addr, err := mail.ParsePath(path)
	switch {
	case len(data) > maxArguments:
		err = errArguments
	case err == nil && addr.IsNull():
		err = errNullRecipient
	}
	if err != nil {
		return mail.Recipient{}, &mail.Failure{Code: 553, Enhanced: "5.1.3", Text: "The recipient is " + err.Error() + ".", Err: err}
	}
	return mail.Recipient{Addr: addr, Raw: path, Args: parameters}, nil
}

// clientAddrPort returns the SMTP client's address from the data of a connect event: a host name, NUL, the family, the
// port and the address, NUL. It is the zero AddrPort for a local socket and for a client unknown to the MTA. It reports
// whether the library, too, can take the event apart.
func clientAddrPort(data []byte) (netip.AddrPort, bool) {
	_, rest, found := bytes.Cut(data, []byte{0})
	if !found || len(rest) == 0 {
		return netip.AddrPort{}, false
	}
	family, rest := lib.ProtoFamily(rest[0]), rest[1:]
	if family != lib.FamilyInet && family != lib.FamilyInet6 {
		return netip.AddrPort{}, true
	}
	if len(rest) < 2 {
		return netip.AddrPort{}, false
	}
	text, _, _ := bytes.Cut(rest[2:], []byte{0})
	// sendmail writes the tag of an address literal.
	addr, err := netip.ParseAddr(strings.TrimPrefix(string(text), "IPv6:"))
	if err != nil {
		return netip.AddrPort{}, true
	}
	return netip.AddrPortFrom(addr.Unmap().WithZone(""), binary.BigEndian.Uint16(rest)), true
}

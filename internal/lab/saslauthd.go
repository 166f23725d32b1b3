package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
)

// startSaslauthd starts a password server for programs that use Cyrus SASL with "pwcheck_method: saslauthd", as sendmail
// does. It knows the users of an [Auth], and listens on a Unix socket at path, which everybody may connect to.
func startSaslauthd(path string, auth *Auth) (*Server, error) {
	s, err := StartServer("unix", path, func(conn net.Conn) { serveSaslauthd(conn, auth) })
	if err != nil {
		return nil, fmt.Errorf("start saslauthd: %w", err)
	}
	return s, os.Chmod(path, 0o666)
}

// serveSaslauthd answers one question: user, password, service and realm come as strings, each behind its length in two
// octets, and so does the answer, which begins with OK or NO (cyrus-sasl, saslauthd/saslauthd-main.c).
func serveSaslauthd(conn io.ReadWriter, auth *Auth) {
	var question [4]string
	for i := range question {
		var err error
		if question[i], err = readCounted(conn); err != nil {
			return
		}
	}
	user, password, realm := question[0], question[1], question[3]
	if realm != "" {
		user += "@" + realm // the library splits the name that the client gave
	}
	answer := "NO"
	if auth.verify(user, password) {
		answer = "OK"
	}
	conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)) // a client that is gone knows
}

// readCounted reads a string behind its length in two octets.
func readCounted(in io.Reader) (string, error) {
	var length [2]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return "", err
	}
	text := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(in, text)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return string(text), err
}

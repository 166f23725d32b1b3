package outbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"time"

	"golang.org/x/sys/unix"
)

// maxReply bounds a reply in octets, far beyond the 512 of each line (RFC 5321, section 4.5.3.1.5).
const maxReply = 64 << 10

// answer is a reply that still lies in the socket, where another process that shares the connection finds it as well.
type answer struct {
	code int
	text string
	size int // in octets
}

// await waits for a whole reply, and leaves it in the socket.
func (d *dialogue) await(limit time.Duration) (answer, error) {
	if err := d.conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return answer{}, err
	}
	raw, err := d.conn.SyscallConn()
	if err != nil {
		return answer{}, err
	}
	var a answer
	var failed error
	part := make([]byte, 1<<10)
	err = raw.Read(func(descriptor uintptr) bool {
		for {
			over := hungUp(int(descriptor)) // asked first: what is there then is all
			var n int
			n, _, failed = unix.Recvfrom(int(descriptor), part, unix.MSG_PEEK)
			switch {
			case errors.Is(failed, unix.EINTR):
				continue
			case errors.Is(failed, unix.EAGAIN):
				return false
			case failed != nil:
				return true
			}
			var whole bool
			if a, whole, failed = parseAnswer(part[:n]); whole {
				return true
			}
			switch {
			case n == maxReply:
				failed = fmt.Errorf("a reply of more than %d octets", maxReply)
				return true
			case n == len(part):
				part = make([]byte, 2*len(part))
			case over:
				failed = io.ErrUnexpectedEOF
				return true
			default:
				return false
			}
		}
	})
	return a, errors.Join(failed, err)
}

// parseAnswer reads a reply, and reports whether it is whole. One that is none is whole as well.
func parseAnswer(text []byte) (a answer, whole bool, err error) {
	text = text[:bytes.LastIndexByte(text, '\n')+1] // to textproto, a line also ends where the text does
	left := bytes.NewReader(text)
	in := bufio.NewReader(left)
	a.code, a.text, err = textproto.NewReader(in).ReadResponse(0)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return answer{}, false, nil
	}
	a.size = len(text) - left.Len() - in.Buffered()
	return a, true, err
}

// hungUp reports whether the other side has ended the connection: nothing comes any more.
func hungUp(descriptor int) bool {
	state := []unix.PollFd{{Fd: int32(descriptor), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(state, 0)
	return err == nil && n == 1 && state[0].Revents != 0
}

// silent returns an error if the MTA has replied to what was not said yet: its next reply would be taken for another one.
func (d *dialogue) silent() error {
	said, err := d.said()
	if err != nil {
		return broken(err)
	}
	if !said {
		return nil
	}
	if _, err := d.reply(commandTimeout, 250); err != nil {
		return aboutText(err)
	}
	return broken(errors.New("it has replied before the final dot"))
}

// said reports whether something lies in the socket, be it the end of the connection.
func (d *dialogue) said() (bool, error) {
	if d.in.R.Buffered() > 0 {
		return true, nil
	}
	raw, err := d.conn.SyscallConn()
	if err != nil {
		return false, err
	}
	var n int
	var failed error
	err = raw.Control(func(descriptor uintptr) {
		state := []unix.PollFd{{Fd: int32(descriptor), Events: unix.POLLIN | unix.POLLRDHUP}}
		for {
			if n, failed = unix.Poll(state, 0); !errors.Is(failed, unix.EINTR) {
				return
			}
		}
	})
	return n > 0, errors.Join(err, failed)
}

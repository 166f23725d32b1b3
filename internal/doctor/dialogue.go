package doctor

import (
	"net"
	"net/textproto"
	"time"
)

// dialogue is a dialogue in SMTP with a mail server, as far as that lets it go.
type dialogue struct {
	conn *textproto.Conn
	// reply is the last one.
	reply textproto.Error
}

// newDialogue begins a dialogue that ends within a time. The first reply is the server's greeting.
func newDialogue(conn net.Conn, within time.Duration) (*dialogue, error) {
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	d := &dialogue{conn: textproto.NewConn(conn)}
	return d, d.listen()
}

func (d *dialogue) listen() (err error) {
	d.reply.Code, d.reply.Msg, err = d.conn.ReadResponse(0)
	return err
}

// isYes reports whether the last reply lets the dialogue go on.
func (d *dialogue) isYes() bool { return d.reply.Code >= 200 && d.reply.Code < 400 }

// command says a line, whatever the last reply, and takes the next one.
func (d *dialogue) command(line string) error {
	if err := d.conn.PrintfLine("%s", line); err != nil {
		return err
	}
	return d.listen()
}

// say says each line until the server says no. The error is that of the connection alone.
func (d *dialogue) say(lines ...string) error {
	for _, line := range lines {
		if !d.isYes() {
			return nil
		}
		if err := d.command(line); err != nil {
			return err
		}
	}
	return nil
}

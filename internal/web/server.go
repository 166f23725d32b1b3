package web

import (
	"errors"
	"fmt"
	liblog "log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"sealmilter/internal/event"
	"sealmilter/milter"
)

// Server serves HTTP on one listener.
type Server struct{ server *http.Server }

// maxConnections is far below the number of descriptors that the daemon may have: whoever opens many connections here
// must not keep the MTA out.
const maxConnections = 200

// Listen opens the address of a setting, so that a taken one is an error of the start. It is host:port, or a Unix socket
// after "unix:" that only this user and root can open: the group, which the milter's socket lets in, is the mail server's.
func Listen(setting, address string) (net.Listener, error) {
	listen := func() (net.Listener, error) { return net.Listen("tcp", address) }
	if socket, found := strings.CutPrefix(address, "unix:"); found {
		listen = func() (net.Listener, error) { return milter.ListenPrivate(socket) }
	}
	l, err := listen()
	if err != nil {
		return nil, fmt.Errorf("%w; set %s to another address, or to \"\"", err, setting)
	}
	return l, nil
}

// Serve serves on a listener, which it closes, until the server is closed.
func Serve(l net.Listener, handler http.Handler, log *slog.Logger) *Server {
	s := &Server{&http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          liblog.New(event.Lines(log, event.WebTrouble), "", 0),
	}}
	go func() {
		if err := s.server.Serve(netutil.LimitListener(l, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
			event.WebEnded.Log(log, event.Listen(l.Addr().String()), event.Err(err))
		}
	}()
	return s
}

// Close ends the listener and all connections.
func (s *Server) Close() error { return s.server.Close() }

package main

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// webServer serves HTTP on one of the daemon's own listeners.
type webServer struct{ server *http.Server }

// startWebServer listens at once, so that a taken address is an error of the start.
func startWebServer(address string, handler http.Handler, log *slog.Logger) (*webServer, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s := &webServer{&http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
	go func() {
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("a web listener ended", "address", address, "err", err)
		}
	}()
	return s, nil
}

func (s *webServer) close() error { return s.server.Close() }

package admin

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// patience bounds how long a daemon may take to answer.
const patience = 10 * time.Second

// Ask gets a page of the daemon's admin listener, host:port or a Unix socket, and reports whether it says yes.
func Ask(ctx context.Context, address, path string) (yes bool, text string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	transport := &http.Transport{Proxy: nil, DisableKeepAlives: true}
	if socket, found := strings.CutPrefix(address, "unix:"); found {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}
		address = "localhost"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return false, "", err
	}
	// The daemon sends nobody elsewhere; another program at its address might.
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		return false, "", err
	}
	defer answer.Body.Close()
	const most = 64 << 10
	body, err := io.ReadAll(io.LimitReader(answer.Body, most))
	return answer.StatusCode == http.StatusOK, strings.TrimSpace(string(body)), err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// healthWait bounds how long a daemon may take to say how it is.
const healthWait = 10 * time.Second

func newHealth() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask the running daemon how it is, as a container engine does",
		Long: `Ask the daemon at the address of admin whether it lives, as /healthz says, and with --ready whether it can handle mail now,
as /readyz says. It prints the answer. The exit status is 0 for yes, 1 if nobody answers, and 3 for no.

A daemon that does not live is to be started anew. One that is not ready is not: it waits for its database or a passphrase,
and check says what to do.`,
		Args: cobra.NoArgs,
	}
	ready := cmd.Flags().Bool("ready", false, "ask whether mail can be handled now")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := loadConfig(cmd)
		if err != nil {
			return err
		}
		if c.Admin == "" {
			return errors.New(`there is nobody to ask, because admin is "" in the configuration`)
		}
		path := "/healthz"
		if *ready {
			path = "/readyz"
		}
		yes, text, err := howIs(cmd.Context(), c.Admin, path)
		if err != nil {
			return fmt.Errorf("nobody answers at %s, admin in the configuration: %w", c.Admin, err)
		}
		fmt.Fprintln(cmd.OutOrStdout(), text)
		if !yes {
			return errNo
		}
		return nil
	}
	return cmd
}

// howIs gets a page of a daemon's admin listener, host:port or a Unix socket, and reports whether it says yes.
func howIs(ctx context.Context, admin, path string) (yes bool, text string, err error) {
	ctx, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	network, address := "tcp", admin
	if socket, found := strings.CutPrefix(admin, "unix:"); found {
		network, address = "unix", socket
	}
	client := &http.Client{
		Transport: &http.Transport{
			Proxy: nil, DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, address)
			},
		},
		// The daemon sends nobody elsewhere; another program at its address might.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return false, "", err
	}
	answer, err := client.Do(request)
	if err != nil {
		return false, "", err
	}
	defer answer.Body.Close()
	const most = 64 << 10
	body, err := io.ReadAll(io.LimitReader(answer.Body, most))
	return answer.StatusCode == http.StatusOK, strings.TrimSpace(string(body)), err
}

package postfix_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

// TestProgramsThatUseThePublicAddress has programs of this host call Postfix at an address that is not of loopback, as
// those do that know it by its name, and come from the same address. Postfix relays for it.
func TestProgramsThatUseThePublicAddress(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), labtest.Patience)
	defer cancel()
	port, err := lab.ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	address := netip.AddrPortFrom(publicAddress(t), netip.MustParseAddrPort(port.Addr).Port()).String()
	host, _, _ := net.SplitHostPort(address)
	h := startHost(ctx, t, "", address+" inet n - n - - smtpd\n", "mynetworks = "+host+"\n")
	for user, want := range map[string]string{"games": "550", "www-data": "250"} {
		client, err := lab.DialAs(ctx, user, address)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Drop()
		_, last, err := client.Send("alice@example.org", []string{"erin@example.com"}, []byte(night))
		labtest.Said(t, want)(last, err)
	}
	if err := h.WaitEmpty(ctx); err != nil {
		t.Fatal(err)
	}
	got := h.world.Sink.Mailbox("erin@example.com")
	if len(got) != 1 {
		t.Fatalf("%d messages were sent", len(got))
	}
	if !bytes.Contains(got[0].Data, []byte("multipart/signed")) {
		t.Errorf("it is not signed:\n%s", got[0].Data)
	}
}

func publicAddress(t *testing.T) netip.Addr {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Is4() && !prefix.Addr().IsLoopback() {
			return prefix.Addr()
		}
	}
	t.Skip("this machine has no address but those of loopback")
	return netip.Addr{}
}

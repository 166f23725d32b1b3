package labtest

import (
	"context"
	"strings"
	"testing"

	"sealmilter/internal/lab"
)

// Said fails the test unless a reply begins with want.
func Said(t testing.TB, want string) func(lab.Reply, error) {
	return func(reply lab.Reply, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(reply.String(), want) {
			t.Fatalf("the server said %q, want %q", reply, want)
		}
	}
}

// Dial connects as [lab.Dial] does, until the test ends.
func Dial(ctx context.Context, t testing.TB, addr string) *lab.Client {
	t.Helper()
	client, err := lab.Dial(ctx, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Drop)
	return client
}

// Login connects as somebody whose password is the own name, like everybody's in a world of the package scenario.
func Login(ctx context.Context, t testing.TB, addr, name string) *lab.Client {
	t.Helper()
	client := Dial(ctx, t, addr)
	Said(t, "235")(client.AuthPlain(name, name))
	return client
}

// Submit sends a message as alice on a connection of its own, and returns the server's last reply.
func Submit(ctx context.Context, t testing.TB, addr, message string, to ...string) (lab.Reply, error) {
	t.Helper()
	client := Login(ctx, t, addr, "alice")
	defer client.Drop()
	_, last, err := client.Send("alice@example.org", to, []byte(message))
	return last, err
}

// Unannounced makes sure that the server has announced none of these extensions.
func Unannounced(t testing.TB, client *lab.Client, extensions ...string) {
	t.Helper()
	for _, extension := range extensions {
		if strings.Contains(client.Extensions.String(), extension) {
			t.Errorf("the listener announces %s", extension)
		}
	}
}

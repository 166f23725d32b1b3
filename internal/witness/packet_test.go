package witness

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPackets sends each kind of packet, the largest one and one with a descriptor.
func TestPackets(t *testing.T) {
	here, file, err := socketpair()
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	there, err := packetConn(file)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	file.Close()
	names := slices.Repeat([]string{"0123456789012345678901234567890123456789012345678901234567890123"}, maxNames)
	for _, want := range []packet{
		{Kind: greeting, Note: []byte("note")},
		{Kind: part, Number: 1, Record: record{Copies: names}},
		{Kind: watch, Number: 1, Record: record{Message: names[0], Copies: names, Expires: time.Unix(2_000_000_000, 0).UTC()}, Octets: 1 << 60},
		{Kind: forget, Number: 1<<64 - 1},
	} {
		if err := send(here, want, int(os.Stdin.Fd())); err != nil {
			t.Fatal(err)
		}
		got, descriptor, err := receive(there, make([]byte, maxPacket))
		if err != nil || descriptor == none {
			t.Fatalf("%v, descriptor %d", err, descriptor)
		}
		closeDescriptor(descriptor)
		if a, b := text(t, got), text(t, want); a != b {
			t.Errorf("sent %s, got %s", b, a)
		}
	}
	if err := send(here, packet{Kind: greeting, Note: make([]byte, maxPacket)}, none); err == nil {
		t.Error("a packet was sent that nobody has room for")
	}
}

func text(t *testing.T, p packet) string {
	t.Helper()
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// FuzzPackets has a milter say anything, with and without a connection. No descriptor is lost.
func FuzzPackets(f *testing.F) {
	f.Add(`{"Kind":1,"Note":"e30="}`, `{"Kind":3,"Number":1,"Record":{"Message":"m","Copies":["a"]},"Octets":3}`, `{"Kind":5,"Number":1}`, uint8(2))
	f.Add(`{"Kind":2,"Number":1,"Record":{"Copies":["a"]}}`, `{"Kind":4,"Number":1,"Record":{"Message":"m"}}`, `{"Kind":4,"Number":1}`, uint8(0))
	f.Add(`{"Kind":3,"Number":1}`, `{"Kind":3,"Number":1}`, `{}`, uint8(7))
	f.Fuzz(func(t *testing.T, first, second, third string, with uint8) {
		here, file, err := socketpair()
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		b := bequest{left: map[uint64]*legacy{}}
		there, err := packetConn(file)
		if err != nil {
			t.Fatal(err)
		}
		defer there.Close()
		var passed []int
		for i, text := range []string{first, second, third} {
			var rights []byte
			if with&(1<<i) != 0 {
				rights = unix.UnixRights(int(file.Fd()))
			}
			if len(text) == 0 {
				continue // an empty packet looks like the end
			}
			if _, _, err := here.WriteMsgUnix([]byte(text), rights, nil); err != nil {
				break
			}
			p, descriptor, err := receive(there, make([]byte, maxPacket))
			if descriptor != none {
				passed = append(passed, descriptor)
			}
			if err != nil {
				closeDescriptor(descriptor)
				break
			}
			if b.note(p, descriptor) != nil {
				break
			}
		}
		here.Close()
		b.close()
		for _, d := range passed {
			if _, err := unix.FcntlInt(uintptr(d), unix.F_GETFD, 0); err == nil {
				t.Fatalf("descriptor %d is still open", d)
			}
		}
	})
}

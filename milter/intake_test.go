package milter

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"sealmilter/internal/mail"
)

// bodyOf returns a message in its body, of an announced size, and the budget that it has of its own.
func bodyOf(announced, most int64) *transaction {
	limits := &limits{message: most, inFlight: most}
	env := &mail.Envelope{}
	if announced > 0 {
		env.Args = []string{fmt.Sprintf("SIZE=%d", announced)}
	}
	return &transaction{env: env, accepted: []string{"<bob@example.org>"}, phase: inBody, limits: limits}
}

// TestIntake has bodies of any size and announcement, right and wrong. All of their room is paid for.
func TestIntake(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var want []byte
		announced := int64([]int{0, 1, 100, 1000, 5000}[source.IntN(5)])
		tx := bodyOf(announced, 10_000)
		for range source.IntN(30) {
			chunk := bytes.Repeat([]byte{byte(source.IntN(256))}, source.IntN(200))
			want = append(want, chunk...)
			tx.addChunk(bytes.Clone(chunk))
			room := int64(cap(tx.body.whole) + tx.body.size)
			if room > max(announced, 0)+int64(len(want)) || room > int64(4*len(want)+4) || tx.size < room || tx.size > max(announced, int64(len(want))) {
				t.Fatalf("room for %d octets after %d of %d, and %d are paid for", room, len(want), announced, tx.size)
			}
		}
		if held := tx.limits.budget.held; held != tx.size {
			t.Fatalf("%d octets are taken of the budget, not %d", held, tx.size)
		}
		if got := tx.body.take(); !bytes.Equal(got, want) {
			t.Fatalf("%d octets, not %d", len(got), len(want))
		}
		if got := tx.body.take(); len(got) != 0 {
			t.Fatalf("%d octets once more", len(got))
		}
		if tx.release(); tx.limits.budget.held != 0 {
			t.Fatalf("%d octets are not given back", tx.limits.budget.held)
		}
	}
}

// TestAnnouncedRoomIsNoLimit has messages that fit announce more than there is room for, or less than they have.
func TestAnnouncedRoomIsNoLimit(t *testing.T) {
	for _, announced := range []int64{0, 10, 500, 999, 1000, 2000} {
		tx := bodyOf(announced, 1000)
		for range 10 {
			tx.addChunk(make([]byte, 100))
		}
		if tx.failure != nil {
			t.Errorf("SIZE=%d: %v", announced, tx.failure)
		}
		if tx.addChunk([]byte{0}); tx.failure == nil || tx.failure.Code != 552 {
			t.Errorf("SIZE=%d, one octet more: %v", announced, tx.failure)
		}
	}
}

// TestIntakeCopiesNothing of a message that has the announced size.
func TestIntakeCopiesNothing(t *testing.T) {
	tx := bodyOf(1000, 1000)
	for range 10 {
		tx.addChunk(make([]byte, 100))
	}
	if at := &tx.body.whole[0]; &tx.body.take()[0] != at {
		t.Error("copied at its end")
	}
}

func TestAnnouncedSize(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want int64
	}{
		{nil, 0},
		{[]string{"BODY=8BITMIME", "SIZE=1000"}, 1000},
		{[]string{"size=7"}, 7},
		{[]string{"SIZE=-1"}, 0},
		{[]string{"SIZE="}, 0},
		{[]string{"SIZE"}, 0},
		{[]string{"SIZE=99999999999999999999"}, 0},
	} {
		if got := announcedSize(tc.args); got != tc.want {
			t.Errorf("%q: %d, want %d", tc.args, got, tc.want)
		}
	}
}

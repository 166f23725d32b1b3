package milter

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestIntake has bodies of any size and announcement, right and wrong.
func TestIntake(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var b intake
		var want []byte
		announced := int64([]int{0, 1, 100, 1000, 5000}[source.IntN(5)])
		for range source.IntN(30) {
			chunk := bytes.Repeat([]byte{byte(source.IntN(256))}, source.IntN(200))
			want = append(want, chunk...)
			b.add(bytes.Clone(chunk), announced)
			if int64(cap(b.whole)) > max(announced, 0) || cap(b.whole) > 4*len(want)+4 {
				t.Fatalf("room for %d octets after %d of %d", cap(b.whole), len(want), announced)
			}
		}
		if got := b.take(); !bytes.Equal(got, want) {
			t.Fatalf("%d octets, not %d", len(got), len(want))
		}
		if got := b.take(); len(got) != 0 {
			t.Fatalf("%d octets once more", len(got))
		}
	}
}

// TestIntakeCopiesNothing of a message that has the announced size.
func TestIntakeCopiesNothing(t *testing.T) {
	var b intake
	for range 10 {
		b.add(make([]byte, 100), 1000)
	}
	if at := &b.whole[0]; &b.take()[0] != at {
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

package outbox

import (
	"io"
	"strings"
	"testing"
	"time"
)

func TestParseAnswer(t *testing.T) {
	for _, tc := range []struct {
		text  string
		whole bool
		code  int
		size  int
	}{
		{"", false, 0, 0},
		{"250 2.0.0 Ok", false, 0, 0},
		{"25", false, 0, 0},
		{"250-2.0.0 Ok\r\n", false, 0, 0},
		{"250-2.0.0 Ok\r\n250 2.0.0 que", false, 0, 0},
		{"250 2.0.0 Ok\r\n", true, 250, 14},
		{"250-Ok\r\n250 queued\r\n", true, 250, 20},
		{"250 Ok\r\n421 bye\r\n", true, 250, 8},
		{"250 Ok\r\n421 b", true, 250, 8},
		{"550 no\n", true, 550, 7},
		{"nonsense\r\n", true, 0, 10},
	} {
		got, whole, err := parseAnswer([]byte(tc.text))
		if got.code != tc.code || whole != tc.whole || whole && got.size != tc.size || (err != nil) != (whole && tc.code == 0) {
			t.Errorf("%q: %+v, %t, %v", tc.text, got, whole, err)
		}
	}
}

// TestAwait has a reply come in pieces: it is seen when it is whole, and still is in the socket then.
func TestAwait(t *testing.T) {
	for _, tc := range []struct {
		name   string
		pieces []string
		want   int // 0 for an error
	}{
		{"at once", []string{"250 Ok\r\n"}, 250},
		{"in pieces", []string{"250", "-O", "k\r", "\n25", "0 queued\r\n"}, 250},
		{"long", []string{strings.Repeat("550-"+strings.Repeat("x", 500)+"\r\n", 100), "550 no\r\n"}, 550},
		{"too long", []string{strings.Repeat("550-"+strings.Repeat("x", 500)+"\r\n", 200)}, 0},
		{"with more", []string{"250 Ok\r\n421 bye\r\n"}, 250},
		{"in part", []string{"250 Ok"}, 0},
		{"nothing", nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			here, there := socketPair(t)
			go func() {
				defer there.Close()
				for _, p := range tc.pieces {
					io.WriteString(there, p)
				}
			}()
			d := newDialogue(here)
			a, err := d.await(time.Minute)
			if a.code != tc.want || (err != nil) != (tc.want == 0) {
				t.Fatalf("%+v, %v", a, err)
			}
			if err != nil {
				here.Close()
				return
			}
			if err := d.silent(); err == nil {
				t.Error("nothing is left in the socket")
			}
			here.Close()
		})
	}
}

// FuzzAnswer compares what is awaited with what is read.
func FuzzAnswer(f *testing.F) {
	f.Add("250-Ok\r\n250 queued\r\n421 bye")
	f.Add("250 Ok")
	f.Fuzz(func(t *testing.T, text string) {
		a, whole, err := parseAnswer([]byte(text))
		if !whole {
			return
		}
		if a.size > len(text) || a.size == 0 || text[a.size-1] != '\n' {
			t.Fatalf("%q has a reply of %d octets", text, a.size)
		}
		again, whole, errAgain := parseAnswer([]byte(text[:a.size]))
		if !whole || again != a || (err == nil) != (errAgain == nil) {
			t.Fatalf("%q: %+v, %v, but alone %+v, %v", text, a, err, again, errAgain)
		}
		if _, earlier, _ := parseAnswer([]byte(text[:a.size-1])); earlier && err == nil && again.size == a.size {
			t.Fatalf("%q is whole without its last octet", text[:a.size])
		}
	})
}

package pgpmime_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// nested puts an entity into so many multiparts.
func nested(levels int, entity string) string {
	for i := range levels {
		entity = fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d.\n\n--b%d.\n%s\n--b%d.--\n", i, i, entity, i)
	}
	return entity
}

// TestBeyondTheLimits has messages of which not all is taken apart. Another reader finds the same leaves as before.
func TestBeyondTheLimits(t *testing.T) {
	const eightBit = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\xc3\xa4"
	many := func(n int) string {
		return "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\nContent-Type: text/plain; charset=utf-8\n\n\xc3\xa4 \n", n) + "--b--\n"
	}
	for _, tc := range []struct {
		name, text string
		wrapped    bool
	}{
		{"50 levels", nested(50, eightBit), false},
		{"51 levels", nested(51, eightBit), true},
		{"60 levels", nested(60, eightBit), true},
		{"60 levels of nothing to mend", nested(60, "Content-Type: text/plain\n\na"), false},
		{"60 messages", strings.Repeat("Content-Type: message/rfc822\n\nX-A: b\n", 60) + eightBit, true},
		{"5000 parts", many(5000), false},
		{"5001 parts", many(5001), true},
		{"many in many", "Content-Type: multipart/mixed; boundary=x\n\n--x\n" + many(3000) + "--x\n" + many(3000) + "--x--\n", true},
	} {
		text := crlf("MIME-Version: 1.0\n" + tc.text)
		before, err := leavesOf(text)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		signed, _ := prepare(t, parseMessage(text))
		if faults := canonicalFaults(signed); faults != nil {
			t.Errorf("%s: %v", tc.name, faults)
		}
		if got := strings.Contains(signed, "Content-Type: message/global"); got != tc.wrapped {
			t.Errorf("%s: wrapped %t", tc.name, got)
		}
		after, err := leavesOf(signed)
		isMessage := func(l leaf) bool { return l == leaf{typ: "message: "} }
		after = slices.DeleteFunc(after, isMessage)
		if before = slices.DeleteFunc(before, isMessage); err != nil || !slices.Equal(before, after) {
			t.Errorf("%s: %d leaves have become %d, %v", tc.name, len(before), len(after), err)
		}
	}
}

package scenario

import (
	"strings"
	"testing"

	"sealmilter/internal/lab"
)

// TestInOrder puts what has arrived into the order of the forms, and leaves notices and unknown messages in their places.
func TestInOrder(t *testing.T) {
	c := &Case{messages: map[string][]byte{"first": []byte("Message-ID: <1@x>\r\n\r\n"), "second": []byte("Message-ID: <2@x>\r\n\r\n"), "bare": []byte("Subject: x\r\n\r\n")}}
	for _, tc := range []struct{ arrived, forms, want string }{
		{"1 2", "first second", "1 2"},
		{"2 1", "first second", "1 2"},
		{"2 9 1", "first bare second", "1 9 2"},
		{"2 2", "first second", "2 2"},
		{"9 1", "first bare", "1 9"},
		{"1 1 2", "first second first", "1 2 1"},
	} {
		var arrived []lab.Delivery
		for id := range strings.FieldsSeq(tc.arrived) {
			arrived = append(arrived, lab.Delivery{Data: []byte("Message-ID: <" + id + "@x>\r\n\r\n")})
		}
		var forms []form
		for name := range strings.FieldsSeq(tc.forms) {
			forms = append(forms, form{message: name})
		}
		var got []string
		for _, d := range c.inOrder(arrived, forms) {
			got = append(got, strings.Trim(messageID(d.Data), "<>@x"))
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s for %s: %s, want %s", tc.arrived, tc.forms, strings.Join(got, " "), tc.want)
		}
	}
}

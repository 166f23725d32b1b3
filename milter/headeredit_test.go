package milter_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	lib "github.com/emersion/go-milter"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// mtaHeader is how an MTA keeps a header while a milter edits it.
type mtaHeader struct {
	fields []mail.Field
	// gone marks what sendmail has deleted but still counts. Postfix takes it out at once.
	gone      []bool
	renumbers bool
}

func (h *mtaHeader) apply(mod lib.ModifyAction) error {
	switch mod.Code {
	case lib.ActAddHeader:
		h.fields = append(h.fields, mail.Field{Name: mod.HeaderName, Value: mod.HeaderValue})
		h.gone = append(h.gone, false)
		return nil
	case lib.ActChangeHeader:
		index := int(mod.HeaderIndex)
		for i, f := range h.fields {
			if !f.Is(mod.HeaderName) {
				continue
			}
			if index--; index > 0 {
				continue
			}
			switch {
			case mod.HeaderValue != "":
				h.fields[i].Value = mod.HeaderValue
			case h.renumbers:
				h.fields, h.gone = slices.Delete(h.fields, i, i+1), slices.Delete(h.gone, i, i+1)
			default:
				h.gone[i] = true
			}
			return nil
		}
		return fmt.Errorf("change of %s %d, which is not there", mod.HeaderName, mod.HeaderIndex)
	default:
		return fmt.Errorf("modification %c", mod.Code)
	}
}

// byName returns the values of each name in order.
func byName(fields []mail.Field, gone []bool) map[string][]string {
	values := make(map[string][]string)
	for i, f := range fields {
		if gone == nil || !gone[i] {
			name := strings.ToLower(f.Name)
			values[name] = append(values[name], f.Value)
		}
	}
	return values
}

// TestHeaderEdits makes random headers and checks on the models of both MTAs that the edits lead from one to the other.
func TestHeaderEdits(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	header := func() mail.Header {
		h := make(mail.Header, random.IntN(9), 9)
		for i := range h {
			h[i] = mail.Field{Name: []string{"Received", "Subject", "SUBJECT", "To"}[random.IntN(4)], Value: fmt.Sprint(" ", random.IntN(4))}
		}
		return h
	}
	var next mail.Header
	path := serve(t, &milter.Server{Begin: always(handler{message: func(context.Context, *mail.Message) (*mail.Edit, error) {
		return &mail.Edit{Header: next}, nil
	}})})
	session := libSession(t, path)
	for range 2000 {
		old := header()
		// The new header is often the old one with a little done to it.
		if next = header(); random.IntN(2) == 0 {
			next = slices.Clone(old)
			for range random.IntN(3) {
				i := random.IntN(len(next) + 1)
				switch f := (mail.Field{Name: "Subject", Value: " new"}); {
				case random.IntN(2) == 0 || i == len(next):
					next = slices.Insert(next, i, f)
				default:
					next = slices.Delete(next, i, i+1)
				}
			}
		}
		mods := libMessage(t, session, old)
		for _, renumbers := range []bool{true, false} {
			model := mtaHeader{fields: slices.Clone(old), gone: make([]bool, len(old)), renumbers: renumbers}
			for _, mod := range mods {
				if err := model.apply(mod); err != nil {
					t.Fatalf("%q to %q: %v", old, next, err)
				}
			}
			got, want := byName(model.fields, model.gone), byName(next, nil)
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%q to %q (renumbers %v): got %v\nby %+v", old, next, renumbers, got, mods)
			}
		}
	}
}

// TestUnchangedFieldsStay checks how few edits are made.
func TestUnchangedFieldsStay(t *testing.T) {
	fields := func(values ...string) mail.Header {
		var h mail.Header
		for _, v := range values {
			h = append(h, mail.Field{Name: "X", Value: v})
		}
		return h
	}
	for _, tc := range []struct {
		old, new mail.Header
		want     string
	}{
		{fields("a", "b"), fields("a", "b"), ""},
		{fields("a", "b", "c"), fields("a", "c"), "2= "},
		{fields("a", "b", "c"), fields("c"), "2= 1= "},
		{fields("a", "b", "c"), fields("a", "x", "c"), "2=x "},
		{fields("a", "b", "c", "d"), fields("a", "x", "d"), "2=x 3= "},
		{fields("a"), fields("a", "b"), "+b "},
		{fields("a"), fields("b", "a"), "1=b +a "},
		{fields(), fields("a"), "+a "},
		{fields("a"), mail.Header{}, "1= "},
		{fields("a", "b"), fields("", "b"), "1=  "}, // an empty value would delete
		{nil, mail.Header{{Name: "X", Value: "a\r\n b"}}, "+a\n b "},
	} {
		session := libSession(t, serve(t, &milter.Server{Begin: edits(&mail.Edit{Header: tc.new})}))
		got := ""
		for _, mod := range libMessage(t, session, tc.old) {
			if mod.Code == lib.ActAddHeader {
				got += "+" + mod.HeaderValue + " "
			} else {
				got += fmt.Sprint(mod.HeaderIndex, "=", mod.HeaderValue, " ")
			}
		}
		if got != tc.want {
			t.Errorf("%v to %v: %q, want %q", tc.old, tc.new, got, tc.want)
		}
	}
}

// libSession is a session of the library's own client.
func libSession(t *testing.T, path string) *lib.ClientSession {
	t.Helper()
	client := lib.NewClientWithOptions("unix", path, lib.ClientOptions{ActionMask: actions, ProtocolMask: steps})
	session, err := client.Session()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

// libMessage sends a message with this header and returns the modifications.
func libMessage(t *testing.T, session *lib.ClientSession, header mail.Header) []lib.ModifyAction {
	t.Helper()
	must := func(action *lib.Action, err error) {
		t.Helper()
		if err != nil || action.Code != lib.ActContinue {
			t.Fatal(action, err)
		}
	}
	must(session.Mail("alice@example.org", nil))
	must(session.Rcpt("bob@example.org", nil))
	for _, f := range header {
		must(session.HeaderField(f.Name, f.Value))
	}
	must(session.HeaderEnd())
	mods, action, err := session.End()
	must(action, err)
	return mods
}

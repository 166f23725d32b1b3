package scripted_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab/scripted"
)

// agreement answers an offer with version, actions and steps, and whatever follows them.
func agreement(version, actions, steps uint32, more string) string {
	data := binary.BigEndian.AppendUint32(nil, version)
	data = binary.BigEndian.AppendUint32(data, actions)
	data = binary.BigEndian.AppendUint32(data, steps)
	return frame('O', string(data)+more)
}

func frame(code byte, data string) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(1+len(data)))
	return string(append(b, code)) + data
}

// saying is a connection whose other end says the same whatever it hears, one text for each packet to be answered.
type saying struct {
	net.Conn // for the methods that nobody calls
	texts    []string
	rest     []byte
}

func (s *saying) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		if len(s.texts) == 0 {
			return 0, io.EOF
		}
		s.rest, s.texts = []byte(s.texts[0]), s.texts[1:]
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *saying) Write(p []byte) (int, error) { return len(p), nil }

func (s *saying) SetDeadline(time.Time) error { return nil }

func (s *saying) Close() error { return nil }

// milterSaying returns a connection to a milter that has agreed to the usual and will say these texts.
func milterSaying(t *testing.T, texts ...string) *scripted.Conn {
	t.Helper()
	agreed := agreement(6, scripted.AddHeaders|scripted.ChangeBody|scripted.DelRecipients|scripted.ChangeHeaders,
		scripted.SkipBody|scripted.LeadingSpace, "")
	c, err := scripted.Negotiate(&saying{texts: append([]string{agreed}, texts...)}, scripted.Everything())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNegotiationIsHeldToTheOffer(t *testing.T) {
	offer := scripted.Terms{Version: 6, Actions: scripted.AddHeaders | scripted.ChangeBody | scripted.ChooseMacros, Steps: scripted.LeadingSpace}
	for name, answer := range map[string]struct {
		text string
		want string // part of the error, "" for none
	}{
		"all":                {agreement(6, 0x103, scripted.LeadingSpace, ""), ""},
		"less":               {agreement(2, 1, 0, ""), ""},
		"macros":             {agreement(6, 0x101, 0, "\x00\x00\x00\x02i {auth_authen}\x00\x00\x00\x00\x05i\x00"), ""},
		"another packet":     {frame('c', ""), "is answered with"},
		"a short one":        {frame('O', "\x00\x00\x00\x06"), "is answered with"},
		"a later version":    {agreement(7, 1, 0, ""), "version 7"},
		"the first version":  {agreement(1, 1, 0, ""), "version 1"},
		"another action":     {agreement(6, 0x5, 0, ""), "actions 0x5"},
		"another step":       {agreement(6, 1, 0x80, ""), "steps 0x80"},
		"macros on its own":  {agreement(6, 1, 0, "\x00\x00\x00\x02i\x00"), "not agreed on"},
		"an unknown stage":   {agreement(6, 0x101, 0, "\x00\x00\x00\x07i\x00"), "stage 7"},
		"a list without end": {agreement(6, 0x101, 0, "\x00\x00\x00\x02i"), "list of macros"},
		"half a list":        {agreement(6, 0x101, 0, "\x00\x00\x00"), "cut"},
		"no braces":          {agreement(6, 0x101, 0, "\x00\x00\x00\x02auth_authen\x00"), "without braces"},
		"no packet":          {"\x00\x00\x00\x00", "0 octets"},
		"a long packet":      {"\x7f\x00\x00\x00", "octets"},
	} {
		_, err := scripted.Negotiate(&saying{texts: []string{answer.text}}, offer)
		if answer.want == "" && err != nil || answer.want != "" && (!errors.Is(err, scripted.ErrProtocol) || !strings.Contains(err.Error(), answer.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEventsWantTheirAnswer(t *testing.T) {
	helo := func(c *scripted.Conn) (scripted.Answer, error) { return c.Helo("client.example") }
	rcpt := func(c *scripted.Conn) (scripted.Answer, error) { return c.Rcpt("<bob@example.net>") }
	body := func(c *scripted.Conn) (scripted.Answer, error) { return c.Body([]byte("text")) }
	for name, event := range map[string]struct {
		say  func(*scripted.Conn) (scripted.Answer, error)
		text string
		code scripted.AnswerCode // 0 for a violation
	}{
		"continue":                 {rcpt, frame('c', ""), scripted.Continue},
		"refusal":                  {rcpt, frame('y', "550 5.7.1 No.\x00"), scripted.ReplyCode},
		"two lines":                {rcpt, frame('y', "550-5.7.1 No,\r\n550 5.7.1 100%% no.\x00"), scripted.ReplyCode},
		"skip":                     {body, frame('s', ""), scripted.Skip},
		"discard":                  {rcpt, frame('d', ""), scripted.Discard},
		"discard without message":  {helo, frame('d', ""), 0},
		"skip of something else":   {rcpt, frame('s', ""), 0},
		"a change too early":       {body, frame('-', "<bob@example.net>\x00"), 0},
		"progress too early":       {rcpt, frame('p', ""), 0},
		"an answer with data":      {rcpt, frame('c', "\x00"), 0},
		"an unknown answer":        {rcpt, frame('z', ""), 0},
		"two answers":              {rcpt, frame('c', "") + frame('c', ""), 0},
		"reply without NUL":        {rcpt, frame('y', "550 5.7.1 No."), 0},
		"reply with two NULs":      {rcpt, frame('y', "550 5.7.1 No.\x00\x00"), 0},
		"reply of success":         {rcpt, frame('y', "250 2.0.0 Yes.\x00"), 0},
		"reply of two classes":     {rcpt, frame('y', "550 4.7.1 No.\x00"), 0},
		"reply without class":      {rcpt, frame('y', "550 No.\x00"), 0},
		"reply of two codes":       {rcpt, frame('y', "550-5.7.1 No,\r\n551 5.7.1 no.\x00"), 0},
		"reply without last line":  {rcpt, frame('y', "550-5.7.1 No,\x00"), 0},
		"reply with an empty line": {rcpt, frame('y', "550-5.7.1 No,\r\n\x00"), 0},
		"reply between LF":         {rcpt, frame('y', "550-5.7.1 No,\n550 5.7.1 no.\x00"), 0},
		"single %":                 {rcpt, frame('y', "550 5.7.1 100% no.\x00"), 0},
		"three %":                  {rcpt, frame('y', "550 5.7.1 100%%% no.\x00"), 0},
		"8-bit reply":              {rcpt, frame('y', "550 5.7.1 N\xf6.\x00"), 0},
		"a long reply line":        {rcpt, frame('y', "550 5.7.1 "+strings.Repeat("o", 501)+"\x00"), 0},
	} {
		c := milterSaying(t, event.text, frame('c', ""))
		a, err := event.say(c)
		if err == nil {
			_, err = helo(c) // Only here does a second answer show.
		}
		if event.code != 0 && (err != nil || a.Code != event.code) || event.code == 0 && !errors.Is(err, scripted.ErrProtocol) {
			t.Errorf("%s: %c, %v", name, a.Code, err)
		}
	}
}

func TestRepliesComeAsTheClientSeesThem(t *testing.T) {
	a, err := milterSaying(t, frame('y', "550-5.7.1 No,\r\n550 5.7.1 100%% no.\x00")).Rcpt("<bob@example.net>")
	if want := "550-5.7.1 No,\r\n550 5.7.1 100% no."; err != nil || a.Reply != want {
		t.Errorf("%q, %v", a.Reply, err)
	}
}

func TestProgressBeforeTheEndIsForPostfix(t *testing.T) {
	c := milterSaying(t, frame('p', "")+frame('p', "")+frame('c', ""))
	c.ProgressAnytime = true
	if a, err := c.Rcpt("<bob@example.net>"); err != nil || a.Code != scripted.Continue {
		t.Errorf("%c, %v", a.Code, err)
	}
}

func TestChangesAtTheEnd(t *testing.T) {
	piece, deletion := frame('b', "text\n"), frame('-', "<bob@example.net>\x00")
	for name, end := range map[string]struct {
		text  string
		edits int // -1 for a violation
	}{
		"none":                       {frame('c', ""), 0},
		"all":                        {deletion + frame('h', "X\x00 y\x00") + frame('i', "\x00\x00\x00\x00X\x00 y\x00") + frame('m', "\x00\x00\x00\x01X\x00\x00") + frame('p', "") + piece + piece + frame('c', ""), 6},
		"folded":                     {frame('h', "X\x00 y\n z\x00") + frame('c', ""), 1},
		"a full piece":               {frame('b', strings.Repeat("x", 65535)) + frame('a', ""), 1},
		"too full a piece":           {frame('b', strings.Repeat("x", 65536)) + frame('a', ""), -1},
		"progress in the body":       {piece + frame('p', "") + piece + frame('c', ""), -1},
		"progress after the body":    {piece + frame('p', "") + frame('c', ""), -1},
		"a deletion in the body":     {piece + deletion + piece + frame('c', ""), -1},
		"progress with data":         {frame('p', "x") + frame('c', ""), -1},
		"a recipient more":           {frame('+', "<bob@example.net>\x00") + frame('c', ""), -1},
		"another sender":             {frame('e', "<bob@example.net>\x00") + frame('c', ""), -1},
		"quarantine":                 {frame('q', "why\x00") + frame('c', ""), -1},
		"a deletion without NUL":     {frame('-', "<bob@example.net>") + frame('c', ""), -1},
		"two deletions in one":       {frame('-', "<bob@example.net>\x00<dave@example.net>\x00") + frame('c', ""), -1},
		"a field without NUL":        {frame('h', "X\x00 y") + frame('c', ""), -1},
		"a field without name":       {frame('h', "\x00 y\x00") + frame('c', ""), -1},
		"a name with a colon":        {frame('h', "X:\x00 y\x00") + frame('c', ""), -1},
		"CR in a field":              {frame('h', "X\x00 y\r\n z\x00") + frame('c', ""), -1},
		"a field in a field":         {frame('h', "X\x00 y\nBcc: z\x00") + frame('c', ""), -1},
		"the end of header in field": {frame('h', "X\x00 y\n\nz\x00") + frame('c', ""), -1},
		"a change without index":     {frame('m', "X\x00") + frame('c', ""), -1},
		"skip":                       {frame('s', ""), -1},
	} {
		edits, _, err := milterSaying(t, end.text).EndOfMessage(nil)
		if end.edits >= 0 && (err != nil || len(edits) != end.edits) || end.edits < 0 && !errors.Is(err, scripted.ErrProtocol) {
			t.Errorf("%s: %d changes, %v", name, len(edits), err)
		}
	}
}

func TestHangingUpIsNoAnswer(t *testing.T) {
	for name, text := range map[string][]string{"at once": nil, "in a packet": {"\x00\x00\x00"}, "before its data": {"\x00\x00\x00\x05y"}} {
		if a, err := milterSaying(t, text...).Rcpt("<bob@example.net>"); !errors.Is(err, scripted.ErrHungUp) || errors.Is(err, scripted.ErrProtocol) {
			t.Errorf("%s: %c, %v", name, a.Code, err)
		}
	}
	if err := milterSaying(t).Quit(); err != nil {
		t.Error(err)
	}
	if err := milterSaying(t, frame('c', "")).Quit(); !errors.Is(err, scripted.ErrProtocol) {
		t.Errorf("a word after the end: %v", err)
	}
}

// FuzzMilter lets a milter say anything.
func FuzzMilter(f *testing.F) {
	f.Add([]byte(frame('-', "<bob@example.net>\x00") + frame('m', "\x00\x00\x00\x01X\x00\x00") + frame('b', "text\n") + frame('c', "")))
	f.Add([]byte(frame('y', "550-5.7.1 No,\r\n550 5.7.1 no.\x00")))
	f.Add([]byte("\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		edits, a, err := milterSaying(t, string(text)).EndOfMessage(nil)
		if err != nil {
			return
		}
		if a.Code == scripted.ReplyCode && len(a.Reply) < len("550 5.0") {
			t.Errorf("the reply %q", a.Reply)
		}
		before := scripted.Message{Header: []scripted.Field{{Name: "X", Value: " x"}}, Body: []byte("text\r\n"),
			Recipients: []scripted.Recipient{{Path: "<bob@example.net>"}}}
		after := before
		after.Header, after.Recipients = slices.Clone(before.Header), slices.Clone(before.Recipients)
		if after.Apply(edits, scripted.LikePostfix) == nil && bytes.Count(after.Bytes(), []byte("\r\n")) < 1 {
			t.Errorf("the message has become %q", after.Bytes())
		}
	})
}

package scripted

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for text, want := range map[string]Message{
		"":                                    {},
		"\r\nbody":                            {Body: []byte("body")},
		"A: 1\r\n":                            {Header: []Field{{Name: "A", Value: " 1"}}},
		"A: 1\r\n 2\r\n\t3\r\nB:\r\n\r\n\r\n": {Header: []Field{{Name: "A", Value: " 1\n 2\n\t3"}, {Name: "B"}}, Body: []byte("\r\n")},
		"A: 1\r\nno field\r\n\r\n":            {Header: []Field{{Name: "A", Value: " 1"}}, Body: []byte("no field\r\n\r\n")},
		" A: 1\r\n":                           {Body: []byte(" A: 1\r\n")},
	} {
		header, body := split([]byte(text))
		if !reflect.DeepEqual(header, want.Header) || !bytes.Equal(body, want.Body) {
			t.Errorf("%q: %+v %q", text, header, body)
		}
	}
}

func TestParametersForTheNextHop(t *testing.T) {
	for in, want := range map[string]string{
		"size=10 ret=hdrs envid=aB smtputf8 auth=<>": "RET=HDRS ENVID=aB SMTPUTF8",
		"body=8bitmime": "BODY=8BITMIME",
	} {
		if got := strings.Join(mailArgs(strings.Fields(in), true), " "); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
	if got := mailArgs([]string{"BODY=8BITMIME"}, false); len(got) > 0 {
		t.Errorf("a next hop without 8BITMIME gets %q", got)
	}
	for in, want := range map[string]string{
		"": "ORCPT=rfc822;b+2Bo+C3+B6@example.net",
		"notify=delay,success orcpt=x400;/C+3Dde/": "NOTIFY=SUCCESS,DELAY ORCPT=x400;/C+3Dde/",
		"ORCPT=utf-8;dörte@münchen.example":        `ORCPT=utf-8;d\x{F6}rte@m\x{FC}nchen.example`,
	} {
		to := Recipient{Path: "<b+oö@example.net>", Args: strings.Fields(in)}
		if got := strings.Join(rcptArgs(to), " "); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
	for in, want := range map[string]bool{"NOTIFY=NEVER": true, "notify=never,success": false, "NOTIFY=DELAY": true, "": true} {
		if got := sensible(strings.Fields(in)); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}

// FuzzSplit checks that a message with CRLF at the end of its header's lines is the same when it is put together again.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("A: 1\r\n 2\r\n\r\nbody\r\n"))
	f.Add([]byte("A: 1\r\nno field\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if hasBareLineEnd(text) {
			return
		}
		var m Message
		m.Header, m.Body = split(text)
		var again Message
		again.Header, again.Body = split(m.Bytes())
		if !reflect.DeepEqual(m.Header, again.Header) || !bytes.Equal(m.Body, again.Body) {
			t.Errorf("%q becomes %+v %q, and then %+v %q", text, m.Header, m.Body, again.Header, again.Body)
		}
		if at := bytes.Index(text, []byte("\r\n\r\n")); at > 0 && !bytes.Contains(m.Bytes(), text[at:]) {
			t.Errorf("%q loses its body: %q", text, m.Bytes())
		}
	})
}

// FuzzAgreement lets a milter answer an offer with anything. What is agreed on was offered.
func FuzzAgreement(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x06\x00\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00\x02i {auth_authen}\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		offer := Terms{Version: 6, Actions: AddHeaders | ChooseMacros, Steps: LeadingSpace}
		agreed, macros, err := agree(offer, packet{'O', data})
		if err != nil {
			return
		}
		if agreed.Version > 6 || agreed.Actions&^offer.Actions != 0 || agreed.Steps&^offer.Steps != 0 || len(macros) > len(stages) {
			t.Errorf("%q: %v %v", data, agreed, macros)
		}
	})
}

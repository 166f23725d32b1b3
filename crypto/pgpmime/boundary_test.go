package pgpmime_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestOddBoundaries has boundaries that no line of the canonical form can have. The parts get another one.
func TestOddBoundaries(t *testing.T) {
	for _, tc := range []struct{ name, parameter, delimiter, last string }{
		{"ends in blanks", `boundary="x  "`, "--x  ", "--x  --"},
		{"ends in blanks that are gone", `boundary="x  "`, "--x", "--x--"},
		{"8-bit", "boundary=\"gr\xc3\xbcn\"", "--gr\xc3\xbcn", "--gr\xc3\xbcn--"},
		{"unknown charset", "boundary=\xfc", "--\xfc", "--\xfc--"},
		{"too long", "boundary=" + strings.Repeat("x", 2000), "--" + strings.Repeat("x", 2000), "--" + strings.Repeat("x", 2000) + "--"},
		{"control characters", "boundary=\"a\x01b\"", "--a\x01b", "--a\x01b--"},
		{"in pieces", "boundary*0*=utf-8''gr%C3%BC; boundary*1=n", "--gr\xc3\xbcn", "--gr\xc3\xbcn--"},
	} {
		signed, _ := prepare(t, parseMessage("Content-Type: multipart/mixed; "+tc.parameter+"; x=y\n\npreamble\n"+tc.delimiter+
			"\n\nfirst\n"+tc.delimiter+"\nContent-Type: text/html\n\nsecond\n"+tc.last+"\nepilogue\n"))
		if faults := canonicalFaults(signed); faults != nil {
			t.Errorf("%s:\n%q\nhas %v", tc.name, signed, faults)
		}
		boundary := regexp.MustCompile(`^Content-Type: multipart/mixed; x=y; boundary="(=_[0-9a-f]{32})";`).FindStringSubmatch(signed)
		if boundary == nil {
			t.Errorf("%s: there is no new boundary in\n%q", tc.name, signed)
			continue
		}
		got := strings.ReplaceAll(strings.ReplaceAll(signed, boundary[1], "%"), "\r\n", "\n")
		_, body, _ := strings.Cut(got, "\n\n")
		if want := "preamble\n--%\n\nfirst\n--%\nContent-Type: text/html\n\nsecond\n--%--\nepilogue"; body != want {
			t.Errorf("%s: the parts are\n%q\nwant\n%q", tc.name, body, want)
		}
	}
}

// TestSealedPartKeepsOddBoundary checks that what is signed gets no other boundary: it travels as it is within base64.
func TestSealedPartKeepsOddBoundary(t *testing.T) {
	signed, _ := prepare(t, parseMessage("Content-Type: multipart/mixed; boundary=b\n\n--b\n"+
		"Content-Type: multipart/signed; boundary=\"x \"\n\n--x \n\nfirst\n--x --\n--b--\n"))
	if !strings.Contains(signed, "\r\n--b\r\nContent-Type: message/global\r\nContent-Disposition: inline; filename=\"message.eml\"\r\nContent-Transfer-Encoding: base64\r\n\r\nQ29udGVudC1UeXBlOiBtdWx0aXBhcnQvc2lnbmVk") {
		t.Errorf("the signed part has become\n%q", signed)
	}
}

package crypto

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzArmoredData compares with decoding all lines at once.
func FuzzArmoredData(f *testing.F) {
	for _, text := range []string{"", "QUJD", "QUJD\r\nQUJD\r\n", " QUJD\t\nQU\nJD", "QQ==", "QQ==\nQQ==", "QQ=\n=", "QQ=", "QUI=\r\n\r\n", "Q\rUJD", "QR==",
		"QUJD\nto be kept secret\n", strings.Repeat("QUJD", 5000), strings.Repeat("QUJD", 5000) + "QQ==", "=QUJD"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var encoded []byte
		for line := range bytes.Lines(text) {
			encoded = append(encoded, bytes.TrimSpace(line)...)
		}
		want, wantErr := base64.StdEncoding.Strict().AppendDecode(nil, encoded)
		for _, r := range []io.Reader{&armoredData{text: text}, iotest.OneByteReader(&armoredData{text: text})} {
			got, err := io.ReadAll(r)
			if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
				t.Fatalf("%q: %q %v, want %q %v", text, got, err, want, wantErr)
			}
		}
	})
}

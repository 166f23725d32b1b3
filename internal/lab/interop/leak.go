package interop

import (
	"bytes"
	"fmt"
	"mime"
)

// checkHidden makes sure that what everybody on the way can see of an encrypted message has nothing of what is in it.
func checkHidden(s *sample) error {
	if !s.form.encrypted() {
		return nil
	}
	visible := s.raw
	if decoded, err := new(mime.WordDecoder).DecodeHeader(string(s.raw)); err == nil {
		visible = append(bytes.Clone(s.raw), decoded...)
	}
	secrets := append(append([]string{s.author}, s.texts...), s.files...)
	if !s.subjectVisible {
		secrets = append(secrets, s.subject, s.shown())
	}
	for _, secret := range secrets {
		// A line that is "-- " alone is nobody's secret, nor is what there is none of.
		if len(secret) > 4 && bytes.Contains(visible, []byte(secret)) {
			return fmt.Errorf("%q, %s: everybody can see %q", s.name, s.form, secret)
		}
	}
	return nil
}

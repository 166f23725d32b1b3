package crypto

// RewriteSignature takes the body of a signature packet apart and returns it put together again as far as its hash
// tag.
func RewriteSignature(body []byte) ([]byte, error) {
	s, err := parseSelfSignature(body)
	if err != nil {
		return nil, err
	}
	return s.areas().join(), nil
}

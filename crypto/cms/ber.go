package cms

import (
	"errors"
	"fmt"
)

// Identifier octets (X.690, section 8.1.2): class, form and tag number.
const (
	tagInteger     = 0x02
	tagOctetString = 0x04
	tagOID         = 0x06
	tagSequence    = 0x30
	tagSet         = 0x31

	constructed = 0x20

	// Of the context-specific class, primitive and constructed, with their tag numbers.
	plain0  = 0x80
	tagged0 = 0xa0
	tagged1 = 0xa1
	tagged4 = 0xa4
)

// Limits of one message. What is of indefinite length is read once for each level around it, so the depth bounds how
// often an octet is looked at.
const (
	maxDepth    = 16
	maxElements = 4 << 20
)

var (
	errTruncated = errors.New("it ends in the middle of an element")
	errTooMuch   = errors.New("it has too many elements, or they are nested too deep")
)

// element is one element in BER (X.690, section 8). Its slices alias the message.
type element struct {
	id      byte
	raw     []byte
	content []byte // without the octets that end a content of indefinite length
}

// cursor reads the elements that follow each other in the content of another one.
type cursor struct {
	rest  []byte
	depth int
	// left is how many elements may still be read, in common for all cursors of a message.
	left *int
}

func newCursor(b []byte) *cursor {
	left := maxElements
	return &cursor{rest: b, left: &left}
}

// enter returns a cursor for the content of a constructed element.
func (c *cursor) enter(e element) *cursor {
	return &cursor{rest: e.content, depth: c.depth + 1, left: c.left}
}

// is reports whether an element follows that has one of the identifiers.
func (c *cursor) is(ids ...byte) bool {
	for _, id := range ids {
		if len(c.rest) > 0 && c.rest[0] == id {
			return true
		}
	}
	return false
}

// next reads an element that has one of the identifiers.
func (c *cursor) next(ids ...byte) (element, error) {
	switch {
	case len(c.rest) == 0:
		return element{}, errTruncated
	case !c.is(ids...):
		return element{}, fmt.Errorf("it has an element %#02x in the place of another", c.rest[0])
	}
	e, rest, err := c.read(c.rest, c.depth)
	c.rest = rest
	return e, err
}

// skip reads an element that may be there.
func (c *cursor) skip(ids ...byte) error {
	if !c.is(ids...) {
		return nil
	}
	_, err := c.next(ids...)
	return err
}

// end makes sure that nothing follows.
func (c *cursor) end() error {
	if len(c.rest) > 0 {
		return errors.New("something follows the last of its elements")
	}
	return nil
}

// read returns the element that b begins with, and what follows it.
func (c *cursor) read(b []byte, depth int) (element, []byte, error) {
	*c.left--
	switch {
	case depth > maxDepth || *c.left < 0:
		return element{}, nil, errTooMuch
	case len(b) < 2:
		return element{}, nil, errTruncated
	case b[0] == 0 || b[0]&0x1f == 0x1f:
		return element{}, nil, errors.New("it has an element that is none of CMS")
	}
	if b[1] == 0x80 {
		return c.readIndefinite(b, depth)
	}
	size, at := int64(b[1]), 2
	if b[1] > 0x80 {
		octets := int(b[1] & 0x7f)
		if octets > 4 {
			return element{}, nil, errors.New("it has a length of more than four octets")
		}
		if len(b) < 2+octets {
			return element{}, nil, errTruncated
		}
		size, at = 0, 2+octets
		for _, octet := range b[2:at] {
			size = size<<8 | int64(octet)
		}
	}
	if size > int64(len(b)-at) {
		return element{}, nil, errTruncated
	}
	end := at + int(size)
	return element{id: b[0], raw: b[:end], content: b[at:end]}, b[end:], nil
}

// readIndefinite finds the two octets that end a content of indefinite length (X.690, section 8.1.3.6).
func (c *cursor) readIndefinite(b []byte, depth int) (element, []byte, error) {
	if b[0]&constructed == 0 {
		return element{}, nil, errors.New("it has a primitive element of indefinite length")
	}
	rest := b[2:]
	for {
		switch {
		case len(rest) < 2:
			return element{}, nil, errTruncated
		case rest[0] == 0 && rest[1] == 0:
			end := len(b) - len(rest)
			return element{id: b[0], raw: b[:end+2], content: b[2:end]}, rest[2:], nil
		}
		var err error
		if _, rest, err = c.read(rest, depth+1); err != nil {
			return element{}, nil, err
		}
	}
}

// octets calls f for each piece of an octet string, which may be cut in pieces (X.690, section 8.7). What is tagged for
// its context is one by its place.
func (c *cursor) octets(e element, f func(piece []byte)) error {
	if e.id&constructed == 0 {
		f(e.content)
		return nil
	}
	in := c.enter(e)
	for len(in.rest) > 0 {
		piece, err := in.next(tagOctetString, tagOctetString|constructed)
		if err != nil {
			return err
		}
		if err := in.octets(piece, f); err != nil {
			return err
		}
	}
	return nil
}

// size returns the number of octets of an octet string.
func (c *cursor) size(e element) (n int64, err error) {
	err = c.octets(e, func(piece []byte) { n += int64(len(piece)) })
	return n, err
}

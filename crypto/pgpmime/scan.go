package pgpmime

import (
	"fmt"
	"strconv"

	"sealmilter/internal/mail"
)

// Limits of one message. The depth bounds the passes over its octets, so that the time stays linear in its size; the
// others bound the memory. What is deeper, or has more parts, is not taken apart.
const (
	maxDepth       = 50
	maxParts       = 5000
	maxFields      = 100_000  // of all headers together
	maxPartHeader  = 1 << 20  // octets
	maxContentType = 64 << 10 // octets
)

// scanner reads the structure of one message.
type scanner struct{ parts, fields int } // parts does not count the message itself

// scanMessage reads the structure of a message. Its header may have any fields; only those about the body matter.
func scanMessage(header mail.Header, body []byte) (*entity, error) {
	var s scanner
	e := &entity{header: header, body: body}
	if err := s.scan(e, "text/plain", 0); err != nil {
		return nil, err
	}
	return e, nil
}

// scan reads what the header says and descends into composite entities. An entity without Content-Type has the
// assumed one.
func (s *scanner) scan(e *entity, assumed string, depth int) error {
	s.fields += len(e.header)
	switch {
	case s.fields > maxFields:
		return tooMuch("has more than %d header fields", maxFields)
	case len(e.header.Get("Content-Type")) > maxContentType:
		return e.malformed(fmt.Sprintf("has a Content-Type of more than %d octets", maxContentType))
	}
	e.media = parseMediaType(e.header, assumed)
	e.encoding, e.identity = transferEncoding(e.header)
	e.headFaults = lineFaults(e.head)
	if e.identity && e.encoding != "7bit" && e.encoding != "" && e.encoding != unknownEncoding {
		e.headFaults |= mislabelled
	}
	switch {
	case depth >= maxDepth || s.parts >= maxParts:
		e.unread = e.media.main == "multipart" && e.media.boundary != "" || e.holdsMessage()
	case e.media.main == "multipart" && e.media.boundary != "":
		return s.scanMultipart(e, depth)
	case e.holdsMessage():
		s.parts++
		if e.encoding == unknownEncoding {
			e.headFaults |= mislabelled
		}
		return s.scanPart(e, e.number, e.body, "text/plain", depth)
	}
	e.bodyFaults = lineFaults(e.body)
	return nil
}

// tooMuch is about the message as a whole, whichever part was one too many.
func tooMuch(problem string, limit int) error {
	return &MalformedError{Problem: fmt.Sprintf(problem, limit)}
}

func (s *scanner) scanMultipart(e *entity, depth int) error {
	e.multipart = splitMultipart(e.body, e.media.boundary, e.media.gap, maxParts-s.parts)
	if e.multipart.faults&unclosed != 0 && e.number == "" {
		// The line end at the end of the message parts it from the delimiter that should have followed. Within a part,
		// the line end before the next delimiter of what is around it has done so already.
		last := &e.multipart.parts[len(e.multipart.parts)-1]
		*last = trimLineEnd(*last)
	}
	s.parts += len(e.multipart.parts)
	if s.parts > maxParts {
		e.unread = true
		e.multipart = multipart{}
	}
	if e.multipart.parts == nil {
		e.bodyFaults = lineFaults(e.body)
		return nil
	}
	if !e.identity || e.encoding == unknownEncoding {
		e.headFaults |= mislabelled // RFC 2045, section 6.4
	}
	e.bodyFaults = e.multipart.faults | lineFaults(e.multipart.preamble) | lineFaults(e.multipart.epilogue)
	if e.multipart.looseFrame() {
		e.bodyFaults |= loose
	}
	if !e.media.hasFitBoundary() {
		e.bodyFaults |= unfitBoundary
	}
	assumed := "text/plain"
	if e.media.sub == "digest" {
		assumed = "message/rfc822" // RFC 2046, section 5.1.5
	}
	prefix := ""
	if e.number != "" {
		prefix = e.number + "."
	}
	for i, raw := range e.multipart.parts {
		if err := s.scanPart(e, prefix+strconv.Itoa(i+1), raw, assumed, depth); err != nil {
			return err
		}
	}
	return nil
}

// scanPart reads one part of the entity and adds it.
func (s *scanner) scanPart(e *entity, number string, raw []byte, assumed string, depth int) error {
	part := &entity{number: number, nested: e.media.main == "message"}
	header, rest := mail.SplitMessage(raw[:min(len(raw), maxPartHeader)])
	if len(rest) == 0 && len(raw) > maxPartHeader {
		return part.malformed(fmt.Sprintf("has a header of more than %d octets", maxPartHeader))
	}
	end := min(len(raw), maxPartHeader) - len(rest)
	part.header, part.head, part.body = header, raw[:end], raw[end:]
	if err := s.scan(part, assumed, depth+1); err != nil {
		return err
	}
	if !endsHeader(part.head) {
		part.headFaults |= loose
	}
	e.parts = append(e.parts, part)
	e.bodyFaults |= part.headFaults | part.bodyFaults
	return nil
}

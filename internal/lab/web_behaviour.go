package lab

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"
)

// Behaviour is how a [Web] answers a request. The zero Behaviour is an empty answer with status 200.
type Behaviour struct {
	// Status is the status code, 200 if it is 0.
	Status int
	// Header has fields to add, such as Retry-After or Location.
	Header map[string]string
	Body   []byte
	// Hang sends nothing at all until the client or the server closes the connection.
	Hang bool
	// Drip sends Body octet by octet, again and again, until the client or the server closes the connection.
	Drip bool
}

// Found answers with a body.
func Found(body []byte) Behaviour { return Behaviour{Body: body} }

// Status answers with a status code and a line of text.
func Status(code int) Behaviour {
	return Behaviour{Status: code, Body: []byte(http.StatusText(code) + "\n")}
}

// Busy answers with a status code such as 429 and a Retry-After field (RFC 9110, section 10.2.3), unless it is empty.
func Busy(code int, retryAfter string) Behaviour {
	b := Status(code)
	if retryAfter != "" {
		b.Header = map[string]string{"Retry-After": retryAfter}
	}
	return b
}

// Hang lets the client wait for ever.
func Hang() Behaviour { return Behaviour{Hang: true} }

// Drip answers so slowly that it never ends.
func Drip() Behaviour { return Behaviour{Body: []byte{'x'}, Drip: true} }

// Garbage answers with the web page that many servers have for every path.
func Garbage() Behaviour {
	return Behaviour{
		Header: map[string]string{"Content-Type": "text/html"},
		Body:   []byte("<!DOCTYPE html>\n<html><body><h1>Welcome</h1></body></html>\n"),
	}
}

// Oversized answers with a number of octets that make no sense, without saying beforehand how many.
func Oversized(octets int) Behaviour { return Behaviour{Body: bytes.Repeat([]byte{'x'}, octets)} }

// Redirect sends the client to another place.
func Redirect(url string) Behaviour {
	return Behaviour{Status: http.StatusFound, Header: map[string]string{"Location": url}}
}

// play answers. The client's context ends when either side closes the connection.
func (b Behaviour) play(client context.Context, out http.ResponseWriter) {
	if b.Hang {
		<-client.Done()
		return
	}
	for name, value := range b.Header {
		out.Header().Set(name, value)
	}
	if !b.Drip && len(b.Body) < 64<<10 {
		out.Header().Set("Content-Length", strconv.Itoa(len(b.Body)))
	}
	out.WriteHeader(max(b.Status, http.StatusOK))
	if !b.Drip {
		out.Write(b.Body) // a client that does not read on is what the lab is for
		return
	}
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for i := 0; len(b.Body) > 0; i++ {
		out.Write(b.Body[i%len(b.Body):][:1])
		http.NewResponseController(out).Flush()
		select {
		case <-ticker.C:
		case <-client.Done():
			return
		}
	}
}

package status

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"sealmilter/internal/event"
)

const (
	cookieName = "sealmilter_status"
	// idleTime ends a session in which nothing is looked at, and longestTime every session.
	idleTime    = 30 * time.Minute
	longestTime = 8 * time.Hour
	// maxSessions bounds the memory. The one that was idle for the longest gives way.
	maxSessions = 64
)

// errNoSession says that the request belongs to no session.
var errNoSession = errors.New("no session")

// session is one browser that has shown the token.
type session struct {
	// name tells sessions apart in the log. Nothing can be done with it.
	name string
	// csrf is in every form of the session.
	csrf string
	// token is that which was shown. Another one in the file ends the session.
	token       digest
	began, seen time.Time

	mu sync.Mutex
	// notice is what the next page says of the last change.
	notice notice
}

// notice is what became of a change.
type notice struct {
	Text   string
	Failed bool
}

// say leaves a notice for the next page.
func (s *session) say(n notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notice = n
}

// heard returns the notice, once.
func (s *session) heard() notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.notice
	s.notice = notice{}
	return n
}

// sessions are in memory only: a restart ends them. They are kept by the digest of their cookie, so that what is in
// memory opens nothing.
type sessions struct {
	rand io.Reader
	now  func() time.Time

	mu  sync.Mutex
	all map[digest]*session
}

func newSessions(rand io.Reader, now func() time.Time) *sessions {
	return &sessions{rand: rand, now: now, all: make(map[digest]*session)}
}

// begin makes a session and returns it with the value of its cookie.
func (s *sessions) begin(token digest) (*session, string, error) {
	var random [64]byte
	if _, err := io.ReadFull(s.rand, random[:]); err != nil {
		return nil, "", fmt.Errorf("begin a session: %w", err)
	}
	cookie := base64.RawURLEncoding.EncodeToString(random[:32])
	key, now := digest(sha256.Sum256([]byte(cookie))), s.now()
	begun := &session{name: hex.EncodeToString(key[:4]), csrf: base64.RawURLEncoding.EncodeToString(random[32:]),
		token: token, began: now, seen: now}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.all) >= maxSessions {
		var idle digest
		for k, v := range s.all {
			if before := s.all[idle]; before == nil || v.seen.Before(before.seen) {
				idle = k
			}
		}
		delete(s.all, idle)
	}
	s.all[key] = begun
	return begun, cookie, nil
}

// find returns the session of a cookie that began with the token in force.
func (s *sessions) find(cookie string, token digest) (*session, error) {
	key, now := digest(sha256.Sum256([]byte(cookie))), s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.all[key]
	if found == nil {
		return nil, errNoSession
	}
	if now.Sub(found.seen) > idleTime || now.Sub(found.began) > longestTime || now.Before(found.began) || found.token != token {
		delete(s.all, key)
		return nil, errNoSession
	}
	found.seen = now
	return found, nil
}

// end ends a session.
func (s *sessions) end(ended *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, one := range s.all {
		if one == ended {
			delete(s.all, key)
		}
	}
}

// findSession returns the session of a request. Its error wraps [errNoSession] unless the token cannot be read.
func (p *Page) findSession(r *http.Request) (*session, error) {
	token, err := p.token()
	if err != nil {
		return nil, err
	}
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return nil, errNoSession
	}
	return p.sessions.find(cookie.Value, token)
}

// sessionOf is findSession for a page that is looked at. Where no token is needed, it begins a session.
func (p *Page) sessionOf(w http.ResponseWriter, r *http.Request) (*session, error) {
	s, err := p.findSession(r)
	if errors.Is(err, errNoSession) && p.isOpen(r) {
		return p.open(w, r, digest{})
	}
	return s, err
}

// open begins a session and gives the browser its cookie. It is not marked Secure: the daemon speaks HTTP, on loopback or
// on a socket.
func (p *Page) open(w http.ResponseWriter, r *http.Request, token digest) (*session, error) {
	s, value, err := p.sessions.begin(token)
	if err != nil {
		return nil, err
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: value, Path: Root, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		MaxAge: int(longestTime / time.Second)})
	event.PageOpened.Log(p.Log, event.Session(s.name), event.Browser(r.RemoteAddr))
	return s, nil
}

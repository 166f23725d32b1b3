package status

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"sealmilter/internal/event"
)

// loginForm asks for the token.
func (p *Page) loginForm(w http.ResponseWriter, r *http.Request) {
	switch _, err := p.sessionOf(w, r); {
	case err == nil:
		http.Redirect(w, r, Root, http.StatusSeeOther)
	case errors.Is(err, errNoSession):
		p.render(w, r, http.StatusOK, nil, "login", view{Title: "Log in"})
	default:
		p.fail(w, r, err)
	}
}

// login takes the token. It comes in the body, so that it is in no address and in no log of a proxy.
func (p *Page) login(w http.ResponseWriter, r *http.Request) {
	again := func(status int, text string) {
		p.render(w, r, status, nil, "login", view{Title: "Log in", Notice: notice{Text: text, Failed: true}})
	}
	if err := r.ParseForm(); err != nil {
		again(http.StatusBadRequest, "The form cannot be read.")
		return
	}
	if !p.guesses.take() {
		event.PageGuesses.Log(p.Log, event.Browser(r.RemoteAddr))
		again(http.StatusTooManyRequests, "There were too many wrong tokens. Wait a minute.")
		return
	}
	token, err := p.token()
	if err != nil {
		p.fail(w, r, err)
		return
	}
	given := sha256.Sum256([]byte(strings.TrimSpace(r.PostForm.Get("token"))))
	if p.TokenFile != "" && subtle.ConstantTimeCompare(given[:], token[:]) != 1 {
		event.PageGuess.Log(p.Log, event.Browser(r.RemoteAddr))
		again(http.StatusForbidden, "That is not the token.")
		return
	}
	p.guesses.right()
	if _, err := p.open(w, r, token); err != nil {
		p.fail(w, r, err)
		return
	}
	http.Redirect(w, r, Root, http.StatusSeeOther)
}

func (p *Page) logout(w http.ResponseWriter, r *http.Request, s *session) {
	p.sessions.end(s)
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: Root, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: -1})
	event.PageLeft.Log(p.Log, event.Session(s.name))
	http.Redirect(w, r, Root+"login", http.StatusSeeOther)
}

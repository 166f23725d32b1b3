package status

import (
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"

	"sealmilter/internal/web"
)

// policy lets the page load its own style sheet and icon, send its own forms, and nothing else.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// guarded refuses what comes from another site's page, and tells browsers to take nothing from one and to keep nothing.
func (p *Page) guarded(next http.Handler) http.Handler {
	crossing := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		// With "no-referrer" browsers would not say from where a form is sent.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case !web.Named(r, p.Hosts):
			p.refuse(w, r, http.StatusMisdirectedRequest,
				"The page is not served under this name. Use an IP address or localhost, or put the name into hosts in [status] of the configuration.")
		case crossing.Check(r) != nil:
			p.refuse(w, r, http.StatusForbidden, "This was sent by another site's page. Nothing was changed.")
		case p.TokenFile == "" && !p.isOpen(r):
			p.refuse(w, r, http.StatusForbidden,
				"The status page is off: to turn it on, write a token into a file and name it as token_file in [status] of the configuration, or let admin be a Unix socket that others cannot open.")
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			next.ServeHTTP(w, r)
		}
	})
}

// isOpen reports whether the page needs no token: none is configured, and the request has come over a Unix socket that its
// mode opens to its owner and group alone. A socket that somebody else has made, such as systemd, may have any mode.
func (p *Page) isOpen(r *http.Request) bool {
	local, known := r.Context().Value(http.LocalAddrContextKey).(*net.UnixAddr)
	if p.TokenFile != "" || !known {
		return false
	}
	info, err := os.Stat(local.Name)
	return err == nil && info.Mode().Type() == fs.ModeSocket && info.Mode().Perm()&0o007 == 0
}

// shows lets a page be seen in a session. Without one it leads to the login.
func (p *Page) shows(page func(http.ResponseWriter, *http.Request, *session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, err := p.sessionOf(w, r)
		switch {
		case err == nil:
			page(w, r, s)
		case errors.Is(err, errNoSession):
			http.Redirect(w, r, Root+"login", http.StatusSeeOther)
		default:
			p.fail(w, r, err)
		}
	}
}

// changes lets a form be sent that has the token of the session.
func (p *Page) changes(change func(http.ResponseWriter, *http.Request, *session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, err := p.findSession(r)
		switch {
		case err != nil && !errors.Is(err, errNoSession):
			p.fail(w, r, err)
		case err != nil:
			p.refuse(w, r, http.StatusForbidden, "The session has ended. Nothing was changed. Open the page again.")
		case r.ParseForm() != nil:
			p.refuse(w, r, http.StatusBadRequest, "The form cannot be read. Nothing was changed.")
		case !same(r.PostForm.Get("csrf"), s.csrf):
			p.refuse(w, r, http.StatusForbidden, "The form is not one of this session. Nothing was changed. Open the page again.")
		default:
			change(w, r, s)
		}
	}
}

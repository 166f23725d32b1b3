package admin

import (
	"net"
	"net/http"
	"slices"

	"sealmilter/internal/config"
	"sealmilter/internal/web"
)

// namesOf are those under which the admin listener may be reached, beside IP addresses and localhost.
func namesOf(c *config.Config) []string {
	names := slices.Clone(c.Status.Hosts)
	if host, _, err := net.SplitHostPort(c.Admin); err == nil && host != "" {
		names = append(names, host)
	}
	return names
}

// guarded answers only those who ask this host by one of its names, for nothing of it has a password. The page of
// another site that has its own name lead here is refused, and so is a page that would have it shown as a part of
// itself.
func guarded(names []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !web.Named(r, names) {
			http.Error(w, "sealmilter does not answer under this name. Use an IP address or localhost, or put the name into hosts in [status] of the configuration.",
				http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

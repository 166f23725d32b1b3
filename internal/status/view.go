package status

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"

	"sealmilter/internal/event"
)

// view is what every page has, and its own part.
type view struct {
	Title string
	// Here is the page in the navigation, "" for none of it.
	Here   string
	Notice notice
	// CSRF and Session are those of the session, "" without one. Token says that the session began with a token, and can be
	// left.
	CSRF, Session string
	Token         bool
	// Commands are what to type for the same.
	Commands []command
	Page     any
}

// parsePages parses the templates, which are a part of the program and valid: a test makes every page.
func parsePages() map[string]*template.Template {
	all := make(map[string]*template.Template)
	layout := template.Must(template.New("layout.html").Funcs(functions).ParseFS(files, "pages/layout.html", "pages/parts.html"))
	for _, name := range []string{"login", "refused", "overview", "recipients", "address", "certificate", "conflicts", "senders", "decisions"} {
		all[name] = template.Must(template.Must(layout.Clone()).ParseFS(files, "pages/"+name+".html"))
	}
	return all
}

// render sends a page whole, or an error.
func (p *Page) render(w http.ResponseWriter, r *http.Request, status int, s *session, name string, v view) {
	if s != nil {
		v.CSRF, v.Session, v.Token = s.csrf, s.name, p.TokenFile != ""
		if v.Notice == (notice{}) {
			v.Notice = s.heard()
		}
	}
	var page bytes.Buffer
	if err := p.pages[name].ExecuteTemplate(&page, "layout.html", v); err != nil {
		event.PageFailed.Log(p.Log, event.Err(fmt.Errorf("make %s: %w", name, err)))
		http.Error(w, "The page could not be made; the log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = page.WriteTo(w) // the browser has gone
	}
}

// refuse says in a sentence why something is not done.
func (p *Page) refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	p.render(w, r, status, nil, "refused", view{Title: "Refused", Page: text})
}

// fail says that something is wrong with the host. What it is, is for the log.
func (p *Page) fail(w http.ResponseWriter, r *http.Request, err error) {
	event.PageFailed.Log(p.Log, event.Err(fmt.Errorf("%s: %w", r.URL.Path, err)))
	p.render(w, r, http.StatusInternalServerError, nil, "refused", view{Title: "Not now",
		Page: "What is needed for this page cannot be read. The log says why, and so may sealmilter check."})
}

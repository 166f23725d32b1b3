package status

import (
	"net/http"
	"strings"

	"sealmilter/keys"
)

// decisionsPage are the last decisions.
type decisionsPage struct {
	Search    string
	Keeps     bool
	Decisions []Decision
}

func (p *Page) decisions(w http.ResponseWriter, r *http.Request, s *session) {
	page := decisionsPage{Search: strings.TrimSpace(r.FormValue("search")), Keeps: p.Decisions != nil}
	if page.Keeps {
		for _, d := range p.Decisions() {
			if d.has(strings.ToLower(page.Search)) {
				page.Decisions = append(page.Decisions, d)
			}
		}
	}
	p.render(w, r, http.StatusOK, s, "decisions", view{Title: "Decisions", Here: "decisions", Page: page, Commands: []command{
		{"read all decisions in the log", "journalctl -u sealmilter"},
		{"see what would become of a message now", p.Program + " explain --from SENDER --to RECIPIENT"},
	}})
}

// has reports whether the text, in lower case, is in the decision.
func (d Decision) has(text string) bool {
	for _, field := range []string{d.Queue, d.From, d.To, d.Do, d.Fingerprint} {
		if strings.Contains(strings.ToLower(field), text) {
			return true
		}
	}
	return false
}

// IsKey reports whether Fingerprint is one, and not what stands for it in the log.
func (d Decision) IsKey() bool {
	_, err := keys.ParseFingerprint(d.Fingerprint)
	return err == nil
}

// Kind is the class of the style sheet for what was done.
func (d Decision) Kind() string {
	switch d.Do {
	case "encrypt":
		return "good"
	case "sign", "pass":
		return "plain"
	default:
		return "bad"
	}
}

package status

import (
	"context"
	"embed"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"time"

	"sealmilter/keys"
)

// Root is the path below which everything of the page is.
const Root = "/status/"

// Options are what the page shows, and to whom.
type Options struct {
	// TokenFile is a file with the token that opens the page, "" for none. It is read each time. Without a token the page is
	// served only on a Unix socket that is not everybody's.
	TokenFile string
	// Hosts are the names under which browsers may reach the page beside IP addresses and localhost; see [web.Named].
	Hosts []string

	// Directory returns the key directory of the configuration in force. It has no remote source and peeks, so that
	// looking tells nobody and changes nothing.
	Directory func() *keys.Directory
	// Certificates are all that are stored.
	Certificates *keys.Local
	// Senders have the secret keys.
	Senders *keys.Senders
	// State says how the daemon is.
	State func(context.Context) State
	// Decisions returns the last decisions, the newest first; nil for a daemon that does not keep them.
	Decisions func() []Decision

	// Program is what begins the command lines that are shown, such as "sealmilter"; it is shown as it is.
	Program string
	// Log is told of logins, refused guesses and decisions.
	Log *slog.Logger
	// Now is the clock.
	Now func() time.Time
	// Rand is the source of sessions and their tokens.
	Rand io.Reader
}

// State is how the daemon is.
type State struct {
	Version string
	Started time.Time
	// Mode is the policy's mode where no rule matches, and Rules the number of rules.
	Mode  string
	Rules int
	// Sources are the key sources in the order of trust.
	Sources []string
	// Database is where keys and records are, in words.
	Database string
	// Ready says why no mail can be handled now, nil if it can.
	Ready error
	// Warnings are what an administrator should look at.
	Warnings []Warning
}

// Warning is something that an administrator should look at.
type Warning struct {
	Text string
	// Command has the words behind the name of the program of a command that tells more or mends it, nil for none.
	Command []string
}

// Decision is what one recipient of a message got.
type Decision struct {
	At time.Time
	// Queue is the MTA's queue id.
	Queue string
	// From and To are addresses, or what stands for them in the log.
	From, To string
	// Do is what was done: "encrypt", "sign", "pass", "reject" or "defer".
	Do string
	// Fingerprint is that of the certificate that was encrypted to, "" for none; Source and Level say why it was believed.
	Fingerprint, Source, Level string
	// Why is the reason in words.
	Why string
}

// Page serves the status page. It is safe for concurrent use.
type Page struct {
	Options
	handler  http.Handler
	pages    map[string]*template.Template // each with the layout around it
	sessions *sessions
	guesses  *guesses
}

//go:embed pages
var files embed.FS

// maxForm bounds what a browser sends, in octets. An address and two fingerprints are far below.
const maxForm = 8 << 10

// New returns the page. It answers below [Root] only.
func New(o Options) *Page {
	p := &Page{Options: o, pages: parsePages(), sessions: newSessions(o.Rand, o.Now), guesses: newGuesses(o.Now)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Root+"style.css", p.asset("pages/style.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET "+Root+"icon.svg", p.asset("pages/icon.svg", "image/svg+xml"))
	mux.HandleFunc("GET "+Root+"login", p.loginForm)
	mux.HandleFunc("POST "+Root+"login", p.login)
	mux.HandleFunc("POST "+Root+"logout", p.changes(p.logout))
	mux.HandleFunc("GET "+Root+"{$}", p.shows(p.overview))
	mux.HandleFunc("GET "+Root+"recipients", p.shows(p.recipients))
	mux.HandleFunc("GET "+Root+"address", p.shows(p.address))
	mux.HandleFunc("GET "+Root+"certificate", p.shows(p.certificate))
	mux.HandleFunc("GET "+Root+"conflicts", p.shows(p.conflicts))
	mux.HandleFunc("POST "+Root+"conflicts", p.changes(p.decide))
	mux.HandleFunc("GET "+Root+"senders", p.shows(p.senders))
	mux.HandleFunc("GET "+Root+"decisions", p.shows(p.decisions))
	mux.HandleFunc(Root, func(w http.ResponseWriter, r *http.Request) {
		p.refuse(w, r, http.StatusNotFound, "There is no such page.")
	})
	p.handler = p.guarded(mux)
	return p
}

// ServeHTTP implements [http.Handler].
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// asset serves a file that shows nothing of anybody.
func (p *Page) asset(name, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "max-age=300")
		http.ServeFileFS(w, r, files, name)
	}
}

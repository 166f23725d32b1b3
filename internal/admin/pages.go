package admin

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/event"
	"sealmilter/internal/gate"
	"sealmilter/internal/status"
	"sealmilter/keys"
)

// healthTime limits a health check.
const healthTime = 5 * time.Second

// answerTime limits what it asks of others, whose own words are better than that they have not come back.
const answerTime = healthTime - time.Second

// Options are what the admin listener tells of.
type Options struct {
	// Version is the program's.
	Version string
	// Config is the configuration that the daemon has started with, of which some settings stay until a restart.
	Config *config.Config
	// Hostname is this host's own name, under which monitoring asks it; "" if it is not known. The status page takes only names
	// that an administrator has written down.
	Hostname string
	// Current returns the gate of the configuration in force.
	Current func() *gate.Gate
	Health  *Health
	Metrics *Metrics

	// Directory returns the key directory of a gate's configuration without remote sources, which leaves no trace in the store.
	Directory func(*gate.Gate) *keys.Directory
	// Certificates are all that are stored.
	Certificates *keys.Local
	// Senders have the secret keys.
	Senders *keys.Senders
	// Recent has the last copies.
	Recent *event.Recent
	// Warnings are what an administrator should look at, with a gate's configuration.
	Warnings func(*gate.Gate) []status.Warning
	// Program begins the command lines that the status page shows, such as "sealmilter".
	Program string

	// Log is told what happens on the status page.
	Log *slog.Logger
	// Now is the clock.
	Now func() time.Time
	// Rand is the source of the sessions of the status page.
	Rand io.Reader
}

// New returns what serves the admin listener: /healthz (the daemon lives), /readyz (mail can be handled now), /metrics, the
// program and the configuration in force, and the status page.
func New(o Options) http.Handler {
	open := http.NewServeMux()
	open.Handle("/", soundness(o.Health))
	open.Handle("GET /metrics", o.Metrics.Handler())
	open.HandleFunc("GET "+InForcePath, o.tellInForce)
	open.Handle("GET /{$}", http.RedirectHandler(status.Root, http.StatusSeeOther))
	o.Metrics.stock.outlook(context.Background()) // the first who asks shall not wait for it in vain
	all := http.NewServeMux()
	all.Handle("/", guarded(append(namesOf(o.Config), o.Hostname), open))
	all.Handle(status.Root, o.statusPage()) // has a guard of its own
	return all
}

// soundness answers /healthz and /readyz. With ?verbose, /readyz says in JSON how each check went.
func soundness(h *Health) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", answer("ok\n", h.alive))
	plain := answer("ready\n", h.Ready)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("verbose") {
			h.report(w, r)
			return
		}
		plain(w, r)
	})
	return mux
}

// answer is 200 with a text, or 503 with what is wrong.
func answer(well string, ask func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), healthTime)
		defer cancel()
		if err := ask(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte(well))
	}
}

// report is the answer to /readyz?verbose.
func (h *Health) report(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), healthTime)
	defer cancel()
	report := struct {
		Ready  bool    `json:"ready"`
		Checks []check `json:"checks"`
	}{true, h.checks(ctx)}
	for _, c := range report.Checks {
		report.Ready = report.Ready && (c.OK || !c.Needed)
	}
	w.Header().Set("Content-Type", "application/json")
	if !report.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	json.NewEncoder(w).Encode(report)
}

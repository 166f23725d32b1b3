package main

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// healthTime limits a health check.
const healthTime = 5 * time.Second

// newAdmin answers /healthz (the daemon lives), /readyz (mail can be handled now) and /metrics. With ?verbose, /readyz says in
// JSON how each check went.
func newAdmin(h *health, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", answer("ok\n", h.alive))
	plain := answer("ready\n", h.ready)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("verbose") {
			h.report(w, r)
			return
		}
		plain(w, r)
	})
	mux.Handle("GET /metrics", metrics)
	return mux
}

// answer is 200 with a text, or 503 with what is wrong.
func answer(well string, ask func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), healthTime)
		defer cancel()
		w.Header().Set("Cache-Control", "no-store")
		if err := ask(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte(well))
	}
}

// report is the answer to /readyz?verbose.
func (h *health) report(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), healthTime)
	defer cancel()
	report := struct {
		Ready  bool    `json:"ready"`
		Checks []check `json:"checks"`
	}{true, h.checks(ctx)}
	for _, c := range report.Checks {
		report.Ready = report.Ready && (c.OK || !c.Needed)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	if !report.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	json.NewEncoder(w).Encode(report)
}

package main

import (
	"encoding/json"
	"net/http"
	"time"

	"sealmilter/internal/config"
)

// inForcePath is where the daemon says on its admin listener what it works with.
const inForcePath = "/inforce"

// inForce is the program and the configuration that a daemon works with.
type inForce struct {
	Version string `json:"version"`
	// Changed is the time of the last change of the configuration file when it was read; the zero time for the defaults.
	// Nothing of its content is told: it may have a password in it.
	Changed time.Time `json:"changed"`
}

// withInForce adds to the pages of the admin listener what the daemon works with now.
func withInForce(pages http.Handler, current func() *config.Config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	mux.HandleFunc("GET "+inForcePath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(inForce{version(), current().Changed})
	})
	return mux
}

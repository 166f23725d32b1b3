package admin

import (
	"encoding/json"
	"net/http"
	"time"
)

// InForcePath is where the daemon says on its admin listener what it works with, in JSON.
const InForcePath = "/inforce"

// InForce is the program and the configuration that a daemon works with.
type InForce struct {
	Version string `json:"version"`
	// Changed is the time of the last change of the configuration file when it was read; the zero time for the defaults.
	// Nothing of its content is told: it may have a password in it.
	Changed time.Time `json:"changed"`
}

func (o *Options) tellInForce(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(InForce{o.Version, o.Current().Config.Changed})
}

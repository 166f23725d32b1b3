package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Result is all of one run.
type Result struct {
	Date    time.Time `json:"date"`
	Machine Machine   `json:"machine"`
	// Versions are what the programs say of themselves, by their series.
	Versions map[string]string `json:"versions"`
	Rows     []Row             `json:"rows"`
}

// Case is what is done, whoever does it. Parameters that mean nothing to it are zero.
type Case struct {
	// Table is the part of the run that it belongs to.
	Table string `json:"table"`
	// Key is the kind of all keys.
	Key string `json:"key,omitempty"`
	// Octets is the size of the message.
	Octets     int `json:"octets,omitempty"`
	Recipients int `json:"recipients,omitempty"`
	// Certificates is how many are stored.
	Certificates int `json:"certificates,omitempty"`
	// Sessions is how many messages are in work at the same time, or how many clients send.
	Sessions int `json:"sessions,omitempty"`
}

// String is the name that a regular expression is held against, such as "copies/Ed25519/10KB/x20".
func (c Case) String() string {
	words := []string{c.Table}
	if c.Key != "" {
		words = append(words, c.Key)
	}
	if c.Octets != 0 {
		words = append(words, strings.ReplaceAll(size(c.Octets), " ", ""))
	}
	for _, n := range []struct {
		sign  string
		value int
	}{{"x", c.Recipients}, {"certificates=", c.Certificates}, {"sessions=", c.Sessions}} {
		if n.value != 0 {
			words = append(words, fmt.Sprint(n.sign, n.value))
		}
	}
	return strings.Join(words, "/")
}

// Row is what a case costs one series.
type Row struct {
	Case
	// Series is who does it.
	Series string `json:"series"`
	// CPU is processor time, and Wall the time that passes, in seconds for doing it once.
	CPU  Spread `json:"cpu_seconds"`
	Wall Spread `json:"wall_seconds"`
	// Base is the series, and BaseCase the case if it is another one, to whose processor time Ratio compares: 2 is
	// twice as much.
	Base     string `json:"base,omitempty"`
	BaseCase *Case  `json:"base_case,omitempty"`
	Ratio    Spread `json:"ratio"`
	// Allocated is in octets, and Allocations their number, for doing it once; 0 for other processes.
	Allocated   uint64 `json:"allocated_octets,omitempty"`
	Allocations uint64 `json:"allocations,omitempty"`
	// Peak is the most memory that a process of its own has had at any time, in octets, what it is before included; 0 if it
	// was not measured.
	Peak uint64 `json:"peak_octets,omitempty"`
	// Rounds is how often it took its turn, and Count how often it did the case each time.
	Rounds int `json:"rounds"`
	Count  int `json:"count"`
	// Part is how much of the case it did each time. If that is less than 1, the rest is extrapolated.
	Part float64 `json:"part"`
	// Delivery is set for what has gone through an MTA.
	Delivery *Delivery `json:"delivery,omitempty"`
}

// Extrapolated reports whether only a part of the case was done.
func (r Row) Extrapolated() bool { return r.Part < 1 }

// Spread is what several rounds have come to.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// spreadOf returns the zero Spread for no values. It sorts them.
func spreadOf(values []float64) Spread {
	n := len(values)
	if n == 0 {
		return Spread{}
	}
	slices.Sort(values)
	return Spread{Median: (values[(n-1)/2] + values[n/2]) / 2, Min: values[0], Max: values[n-1]}
}

// find returns the row of a case and series.
func (r *Result) find(c Case, series string) (Row, bool) {
	i := slices.IndexFunc(r.Rows, func(row Row) bool { return row.Case == c && row.Series == series })
	if i < 0 {
		return Row{}, false
	}
	return r.Rows[i], true
}

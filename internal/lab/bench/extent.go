package bench

import (
	"time"

	"sealmilter/internal/lab/bench/mta"
)

// The tables.
const (
	copies         = "copies"
	growRecipients = "recipients"
	growMessage    = "message"
	growSessions   = "sessions"
	lookup         = "lookup"
)

const (
	kb, mb = 1 << 10, 1 << 20

	// commonSize and commonKeys are those of the message, in octets, and of the keys, where something else grows.
	commonSize = 10 * kb
	commonKeys = "Ed25519"
)

// extent is how much of everything there is.
type extent struct {
	kinds        []kind
	octets       []int
	recipients   []int
	manyCopies   []int // how the number of recipients grows
	sizes        []int // how the message grows
	certificates []int
	sessions     []int
	traffic      []traffic
	pace         pace
}

// whole is a run that takes a quarter of an hour.
func whole() extent {
	return extent{
		kinds:        []kind{ed25519, rsa4096},
		octets:       []int{10 * kb, 1 * mb, 25 * mb},
		recipients:   []int{1, 20, 100},
		manyCopies:   []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000},
		sizes:        []int{1 * kb, 3 * kb, 10 * kb, 30 * kb, 100 * kb, 300 * kb, 1 * mb, 3 * mb, 10 * mb, 25 * mb, 50 * mb},
		certificates: []int{10, 100, 1_000, 10_000, 100_000},
		sessions:     []int{1, 2, 5, 10, 20, 50, 100, 200},
		traffic: []traffic{
			{throughPostfix, mta.Variants(), []mta.Load{
				{Messages: 400, Recipients: 1, Size: commonSize, Sessions: 8},
				{Messages: 100, Recipients: 1, Size: commonSize, Sessions: 1},
				{Messages: 40, Recipients: 20, Size: commonSize, Sessions: 8},
				{Messages: 10, Recipients: 100, Size: commonSize, Sessions: 4},
				{Messages: 60, Recipients: 1, Size: 1 * mb, Sessions: 8},
				{Messages: 8, Recipients: 20, Size: 1 * mb, Sessions: 4},
			}},
			{growClients, []mta.Variant{mta.None, mta.NoopUnix, mta.SealUnix}, clients(200, 1, 2, 5, 10, 20, 50, 100, 200)},
		},
		pace: pace{rounds: 5, turn: 60 * time.Millisecond},
	}
}

// quick is a run that takes seconds, and does everything that a whole one does.
func quick() extent {
	return extent{
		kinds:        []kind{{ed25519.name, ed25519.algorithm, 2}},
		octets:       []int{10 * kb},
		recipients:   []int{1, 2},
		manyCopies:   []int{1, 3},
		sizes:        []int{1 * kb, 3 * kb},
		certificates: []int{10, 30},
		sessions:     []int{1, 2},
		traffic:      []traffic{{growClients, []mta.Variant{mta.NoopUnix, mta.SealUnix}, clients(2, 1, 2)}},
		pace:         pace{rounds: 1},
	}
}

// clients are loads of small messages to one recipient: at least so many messages, and two for each client.
func clients(messages int, numbers ...int) []mta.Load {
	var all []mta.Load
	for _, n := range numbers {
		all = append(all, mta.Load{Messages: max(messages, 2*n), Recipients: 1, Size: commonSize, Sessions: n})
	}
	return all
}

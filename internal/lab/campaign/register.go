package campaign

import "sync"

// record is what became of a letter, as its sender knows it.
type record struct {
	*letter
	// accepted counts, by address, how many times the sender was told that the letter is taken care of.
	accepted map[string]int
	// refused has the reply to each recipient who was refused, and turnedDown the replies that refused all of the letter.
	refused    map[string]string
	turnedDown []string
	// done says that the sender tries no more.
	done  bool
	tries int
	last  string // what the last try met, for the report
}

// arrival is one delivery at the next hop.
type arrival struct {
	to, queueID, messageID string
	marker                 string // of the letter, "" if it could not be told
	// wrong is what must not be in it, "" for nothing; damaged says why it is not the letter.
	wrong, damaged string
}

// notice tells a sender that a letter does not reach somebody.
type notice struct {
	messageID string
	failed    []string
}

// register has all that was sent and all that arrived. It is safe for concurrent use.
type register struct {
	mu       sync.Mutex
	records  map[string]*record // by marker
	order    []*record
	arrivals []arrival
	notices  []notice
}

func (r *register) begin(l *letter) *record {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := &record{letter: l, accepted: map[string]int{}, refused: map[string]string{}}
	if r.records == nil {
		r.records = map[string]*record{}
	}
	r.records[l.marker] = rec
	r.order = append(r.order, rec)
	return rec
}

// note changes a record.
func (r *register) note(rec *record, change func(*record)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(rec)
}

func (r *register) find(marker string) *record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.records[marker]
}

func (r *register) arrived(a arrival) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrivals = append(r.arrivals, a)
}

func (r *register) noticed(n notice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notices = append(r.notices, n)
}

// counts returns how many letters were begun, how many of them are done and how many copies have arrived.
func (r *register) counts() (letters, done, copies int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range r.order {
		if rec.done {
			done++
		}
	}
	return len(r.order), done, len(r.arrivals)
}

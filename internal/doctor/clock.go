package doctor

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"sealmilter/internal/premises"
	"sealmilter/internal/wiring"
)

const clockTopic = "clock"

// setClock is what to do about a clock that is wrong.
const setClock = "timedatectl set-ntp true, or date -s 'YYYY-MM-DD HH:MM:SS'; in a container, on its host"

// clockSlack is how far the clocks of hosts that share a database may be apart.
const clockSlack = 5 * time.Minute

// clock looks at whether the host's time is plausible: signatures are made and keys expire by it.
func (r *Report) clock(ctx context.Context, i *premises.State) {
	var newest time.Time
	if i != nil {
		if found, err := i.Store.Inspect(ctx); err == nil { // an error is reported about the database
			newest = found.Newest
		}
	}
	r.Findings(clockFindings(time.Now(), r.program.Built, newest, clockDisciplined()))
}

// discipline is what the kernel says of its clock.
type discipline uint8

const (
	disciplineUnknown discipline = iota
	undisciplined
	disciplined
)

// clockDisciplined asks the kernel whether somebody keeps its clock in step (adjtimex(2)).
func clockDisciplined() discipline {
	const timeError, unsynchronised = 5, 0x40 // TIME_ERROR, STA_UNSYNC
	var t syscall.Timex
	switch state, err := syscall.Adjtimex(&t); {
	case err != nil:
		return disciplineUnknown
	case state == timeError || t.Status&unsynchronised != 0:
		return undisciplined
	default:
		return disciplined
	}
}

// clockFindings compares now with what must have been before it.
func clockFindings(now, built, newest time.Time, kernel discipline) []wiring.Finding {
	finding := func(state wiring.State, detail, mend string) []wiring.Finding {
		return []wiring.Finding{{State: state, Topic: clockTopic, Detail: detail, Mend: mend}}
	}
	text := now.UTC().Format(time.DateTime) + " UTC"
	switch {
	case now.Before(built):
		return finding(wiring.Error, fmt.Sprintf("it is %s, and this program was made on %s: new keys and certificates count as not valid yet", text, built.UTC().Format(time.DateOnly)), setClock)
	case now.Add(clockSlack).Before(newest):
		return finding(wiring.Error, fmt.Sprintf("it is %s, and the database has a record of %s UTC: the clock is behind now, or was ahead then", text, newest.UTC().Format(time.DateTime)), setClock)
	case kernel == undisciplined:
		return finding(wiring.Warning, "it is "+text+", and nobody keeps the clock in step: when it drifts, fresh signatures and keys count as not valid yet elsewhere",
			"timedatectl set-ntp true, or apt install chrony; in a container, on its host")
	default:
		return finding(wiring.OK, "it is "+text, "")
	}
}

package doctor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sealmilter/internal/premises"
	"sealmilter/internal/wiring"
)

const (
	// clockWarning and clockError are how far the clock may be from that of other hosts.
	clockWarning = time.Minute
	clockError   = 24 * time.Hour
)

// serverTimes are how far this host's clock is ahead of the hosts that have answered. It is safe for concurrent use.
type serverTimes struct {
	mu    sync.Mutex
	ahead map[string]time.Duration
}

// note takes down what a host says of the time, in whole seconds, that was read now.
func (s *serverTimes) note(host string, says, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ahead == nil {
		s.ahead = map[string]time.Duration{}
	}
	s.ahead[host] = now.Sub(says.Add(time.Second / 2)).Round(time.Second)
}

// nearest returns what the host says that agrees most, for one whose own clock is wrong must not alarm anybody, and how many
// hosts there are.
func (s *serverTimes) nearest() (ahead time.Duration, hosts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.ahead {
		if hosts == 0 || d.Abs() < ahead.Abs() {
			ahead = d
		}
		hosts++
	}
	return ahead, hosts
}

// span is the time in which a sender's key is valid. Expires is the zero time if it does not expire.
type span struct {
	address          string
	created, expires time.Time
}

// spans returns those of all senders.
func spans(ctx context.Context, i *premises.State, now time.Time) []span {
	if i == nil {
		return nil
	}
	senders, err := i.Senders.List(ctx)
	if err != nil {
		return nil // it is reported about the senders
	}
	var all []span
	for _, s := range senders {
		if s.Cert == nil {
			continue
		}
		key := span{address: s.Address, created: s.Cert.Created()}
		if expires, does := s.Cert.Expires(now); does {
			key.expires = expires
		}
		all = append(all, key)
	}
	return all
}

// serverTimeFindings says what it means that the clock is ahead of that of other hosts, or behind if that is less than
// nothing.
func serverTimeFindings(now time.Time, ahead time.Duration, hosts int, senders []span) []wiring.Finding {
	if hosts == 0 {
		return nil
	}
	f := wiring.Finding{State: wiring.OK, Topic: clockTopic, Detail: fmt.Sprintf("it agrees with the hosts that were asked for keys, %d of them", hosts)}
	if ahead.Abs() <= clockWarning {
		return []wiring.Finding{f}
	}
	f.State, f.Mend = wiring.Warning, setClock
	f.Detail = fmt.Sprintf("it is %v ahead of all hosts that were asked for keys, %d of them: signatures and keys that are made here count as not valid yet elsewhere", ahead, hosts)
	if ahead < 0 {
		f.Detail = fmt.Sprintf("it is %v behind all hosts that were asked for keys, %d of them: keys that were made elsewhere count as not valid yet here, and expired ones as valid", -ahead, hosts)
	}
	if ahead.Abs() > clockError {
		f.State = wiring.Error
	}
	there := now.Add(-ahead)
	for _, key := range senders {
		switch {
		case key.created.After(there):
			f.State = wiring.Error
			f.Detail += fmt.Sprintf("; there the key of %s is not valid yet", key.address)
		case !key.expires.IsZero() && now.Before(key.expires) && !there.Before(key.expires):
			f.State = wiring.Error
			f.Detail += fmt.Sprintf("; there the key of %s has expired", key.address)
		default:
			continue
		}
		break // one is enough
	}
	return []wiring.Finding{f}
}

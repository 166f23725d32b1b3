package campaign

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
)

// actor returns the source of chance of one who acts: what others do, and when, does not change what it draws.
func actor(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// chance is true in so many of a hundred cases.
func chance(random *rand.Rand, percent int) bool { return random.IntN(100) < percent }

// drawLetter draws the n-th letter that a client writes.
func drawLetter(random *rand.Rand, client string, n int, all []recipient, local bool) *letter {
	l := &letter{from: authors[random.IntN(len(authors))], meant: 1, local: local, seed: random.Uint64()}
	l.marker = fmt.Sprintf("%s-%s-%05d", secret, client, n)
	readers := 1 + random.IntN(8)
	if chance(random, 4) {
		readers = 30
	}
	for _, i := range random.Perm(len(all))[:readers] {
		l.to = append(l.to, all[i])
		if chance(random, 80) {
			l.named = append(l.named, all[i])
		}
	}
	if chance(random, 10) {
		l.to = append(l.to, l.to[random.IntN(len(l.to))])
	}
	switch n := random.IntN(100); {
	case n < 60:
		l.size = 200 + random.IntN(4_000)
	case n < 90 || readers > 8:
		l.size = 4_000 + random.IntN(30_000)
	case n < 98:
		l.size = 30_000 + random.IntN(270_000)
	default:
		l.size = 2_000_000
	}
	if !chance(random, 15) {
		l.id = fmt.Sprintf("<%016x.%s@client.example>", l.seed, l.from.login)
		return l
	}
	// A letter without a name cannot be told by a notice, so nobody of it is refused.
	kept := l.to[:0]
	for _, r := range l.to {
		if r.may != nothing {
			kept = append(kept, r)
		}
	}
	if l.to = kept; len(l.to) == 0 {
		l.to = append(l.to, all[0])
	}
	if local && chance(random, 50) {
		l.meant = 2 + random.IntN(2)
	}
	return l
}

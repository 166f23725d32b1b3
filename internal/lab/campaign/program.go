package campaign

import (
	"bytes"
	"context"
	"math/rand/v2"
	"time"
)

// program is something like cron: it hands in letters with sendmail(1) on the relay host itself, some of them several times
// on purpose.
type program struct {
	name     string
	random   *rand.Rand
	site     *site
	register *register
}

// run hands in letters until writing ends.
func (p *program) run(ctx, writing context.Context) {
	for n := 1; writing.Err() == nil; n++ {
		rec := p.register.begin(drawLetter(p.random, p.name, n, p.site.people, true))
		p.handIn(ctx, rec)
		p.site.rest(writing, time.Duration(200+p.random.IntN(800))*time.Millisecond)
	}
}

// handIn hands in a letter as often as it is meant. Postfix keeps what it has been given, and tries by itself.
func (p *program) handIn(ctx context.Context, rec *record) {
	message := bytes.ReplaceAll(rec.message(), []byte("\r\n"), []byte("\n"))
	args := []string{"-f", rec.from.addr}
	for _, r := range rec.to {
		args = append(args, r.addr)
	}
	for range rec.meant {
		err := p.site.postfix.Sendmail(ctx, message, args...)
		p.register.note(rec, func(rec *record) {
			rec.tries++
			if err != nil {
				rec.last = err.Error()
				return
			}
			for _, r := range rec.readers() {
				rec.accepted[r.addr]++
			}
		})
	}
	p.register.note(rec, func(rec *record) { rec.done = true })
}

package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/premises"
	"sealmilter/internal/shell"
	"sealmilter/internal/store"
)

const stateTopic = "state"

// openTime bounds how long a database may keep one waiting.
const openTime = 30 * time.Second

// state looks at the state directory and opens the database in it to read it. It says why it cannot, and returns nil then.
func (r *Report) state(ctx context.Context, c *config.Config) *premises.State {
	if _, err := os.Stat(c.State); errors.Is(err, fs.ErrNotExist) {
		// Made here, it would belong to whoever checks.
		r.add("warning", stateTopic, c.State+" does not exist yet",
			"sealmilter setup makes it; by hand: install -d -m 0700 -o USER "+shell.Quote(c.State)+", with the user that runs serve")
		return nil
	}
	r.owner(c.State)
	r.private(c.State)
	r.space(stateTopic, c.State)
	if r.lost(ctx, c) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	i, err := premises.Look(ctx, c)
	switch older := (*store.OlderSchema)(nil); {
	case err == nil:
		return i
	case errors.Is(err, fs.ErrNotExist), errors.As(err, &older) && older.Schema == 0:
		r.empty(c)
	case errors.As(err, &older):
		r.older(c, older)
	default:
		r.fail("error", databaseTopic, err, "give "+c.State+" to the user that runs sealmilter serve")
	}
	return nil
}

// empty says what it means that there is no database yet, or nothing in it.
func (r *Report) empty(c *config.Config) {
	r.add("ok", databaseTopic, "there is none yet; the daemon makes it when it starts, and so does the first key", "")
	r.noSender(c.Senders.MissingKey)
	for _, key := range siteKeys(c) {
		r.noSiteKey(key)
	}
	r.Findings(loginFindings(c, nil))
	r.noRecipient(c)
}

// older says what becomes of a database that was made by an older program.
func (r *Report) older(c *config.Config, found *store.OlderSchema) {
	r.add("warning", databaseTopic, fmt.Sprintf("it has schema %d, and this program wants %d: the daemon brings it up to date when it starts, and a former program cannot open it then, so back it up before; the keys in it were not looked at",
		found.Schema, found.Wanted), premises.BackUp(c, found.Schema)+"; then "+restart)
}

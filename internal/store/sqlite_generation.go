package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync"
)

// sqliteGeneration remembers the generation as long as nobody commits. It is safe for concurrent use.
type sqliteGeneration struct {
	files     *sqliteFiles
	directory string
	index     walIndex
	query     *sql.Stmt

	mu sync.Mutex
	// stamp is that of the directory when it had the files there.
	stamp stamp
	there files
	last  *reading // nil before the first one, and when the store is closed
}

// sight is what can be seen of a database from outside. It changes with every commit, and with every file that takes the
// place of another.
type sight struct {
	files    files
	outdated int64
	header   walHeader
}

// reading is what a query has answered after a sight of the database.
type reading struct {
	sight      sight
	generation int64
}

func newSQLiteGeneration(ctx context.Context, files *sqliteFiles, db *sql.DB) (*sqliteGeneration, error) {
	query, err := db.PrepareContext(ctx, keyGeneration)
	if err != nil {
		return nil, err
	}
	return &sqliteGeneration{files: files, directory: filepath.Dir(files.path), query: query, index: walIndex{path: files.path + "-shm"}}, nil
}

func (g *sqliteGeneration) now(ctx context.Context) (int64, error) {
	if n, known := g.remembered(); known {
		return n, nil
	}
	return g.read(ctx)
}

// remembered returns the generation without asking the database, if nothing has been committed since that was asked.
func (g *sqliteGeneration) remembered() (n int64, known bool) {
	g.mu.Lock()
	last := g.last
	g.mu.Unlock()
	if last == nil {
		return 0, false
	}
	seen, clear := g.look()
	return last.generation, clear && last.sight == seen
}

// read does not watch ctx, which would take as long as the query.
func (g *sqliteGeneration) read(ctx context.Context) (int64, error) {
	for {
		_, epoch := g.files.inUse()
		// What is committed between the sight and the query is seen as a change by the next sight.
		seen, clear := g.look()
		var n int64
		err := g.query.QueryRowContext(context.WithoutCancel(ctx)).Scan(&n)
		current, after := g.files.inUse()
		switch {
		case err != nil:
			return 0, explain(g.files.failed(err))
		case after != epoch:
			continue
		}
		// A database that takes the place of another begins with higher generations than that ever had.
		n |= epoch << generationBits
		if clear && seen.files == current {
			g.remember(&reading{seen, n})
		}
		return n, nil
	}
}

// generationBits are the bits of a generation in one database. The others say how often that was replaced.
const generationBits = 40

func (g *sqliteGeneration) remember(r *reading) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = r
}

// look looks at the files, if they can be seen clearly. It asks the directory first, which takes a microsecond.
func (g *sqliteGeneration) look() (s sight, clear bool) {
	s.outdated = g.files.outdated.Load()
	s.files = g.lookAtFiles()
	s.header, clear = g.index.header(s.files.index)
	return s, clear
}

func (g *sqliteGeneration) lookAtFiles() files {
	stamp := stampOf(g.directory)
	g.mu.Lock()
	defer g.mu.Unlock()
	if stamp != g.stamp || !stamp.settled() {
		g.stamp, g.there = stamp, g.files.now()
	}
	return g.there
}

func (g *sqliteGeneration) close() error {
	g.remember(nil)
	return g.index.close()
}

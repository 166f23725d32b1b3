package store

import (
	"context"
	"database/sql"
	"sync"
)

// prepared is a pool of connections to an SQLite database that parse and plan each query once, which takes longer than to
// answer it. It is for queries whose texts are few and fixed: each stays with each connection. It is safe for
// concurrent use.
type prepared struct {
	*sql.DB
	files      *sqliteFiles
	mu         sync.Mutex
	statements map[string]*sql.Stmt // by text
}

// QueryContext implements querier.
func (p *prepared) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	statement, err := p.statement(ctx, text)
	if err != nil {
		return nil, p.files.failed(err)
	}
	rows, err := statement.QueryContext(ctx, args...)
	return rows, p.files.failed(err)
}

func (p *prepared) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	p.mu.Lock()
	statement := p.statements[text]
	p.mu.Unlock()
	if statement != nil {
		return statement, nil
	}
	statement, err := p.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.statements[text]; first != nil {
		return first, statement.Close()
	}
	if p.statements == nil {
		p.statements = make(map[string]*sql.Stmt)
	}
	p.statements[text] = statement
	return statement, nil
}

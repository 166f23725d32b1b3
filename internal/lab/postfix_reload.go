package lab

import (
	"context"
	"fmt"
	"strings"
)

// Reload makes a changed configuration count, as "postfix reload" does, and returns when master(8) has read it.
func (p *Postfix) Reload(ctx context.Context) error {
	const reloaded = "reload -- version"
	before := strings.Count(p.Log(), reloaded)
	if out, err := p.Command(ctx, "postfix", "reload").CombinedOutput(); err != nil {
		return fmt.Errorf("reload Postfix: %w%s", err, quoteLog(string(out)))
	}
	err := until(ctx, p.master.done, func() (bool, error) { return strings.Count(p.Log(), reloaded) > before, nil })
	if err != nil {
		return fmt.Errorf("reload Postfix: %w%s", err, quoteLog(p.master.Log()+p.Log()))
	}
	return nil
}

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// The lines of the page between which a part stands that a run makes. The name of the part is in the first.
const (
	partBegin = "<!-- made by make bench UPDATE=1: %s -->\n"
	partEnd   = "<!-- to here -->\n"
)

// UpdatePage writes the tables of a run into a page such as docs/performance.md, and its plots and bench.json into the
// folder beside it that is named after it. Progress gets lines about packages that are fetched; nil discards them.
func UpdatePage(ctx context.Context, progress io.Writer, page string, r *Result) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	folder := strings.TrimSuffix(page, filepath.Ext(page))
	plots := r.plots()
	updated, err := r.fill(string(text), filepath.Base(folder), plots)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := draw(ctx, progress, folder, plots); err != nil {
		return err
	}
	object, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(folder, "bench.json"), append(object, '\n'), 0o644),
		os.WriteFile(page, []byte(updated), 0o644))
}

// fill returns a page with all parts as they have come out, the plots of the folder beside them.
func (r *Result) fill(page, folder string, plots []plot) (string, error) {
	made := map[string]string{"run": r.about() + "\n"}
	var parts []string
	for _, g := range r.grids() {
		if made[g.part] != "" {
			made[g.part] += "\n"
		}
		made[g.part] += g.markdown()
		parts = append(parts, g.part)
	}
	for _, p := range plots {
		made[p.part] += fmt.Sprintf("\n![%s](%s/%s)\n", p.title, folder, p.file())
	}
	for _, part := range append(parts, "run") {
		if !strings.Contains(page, fmt.Sprintf(partBegin, part)) {
			return "", fmt.Errorf("there is no place for the part %q: a line %q and later a line %q", part,
				strings.TrimSpace(fmt.Sprintf(partBegin, part)), strings.TrimSpace(partEnd))
		}
	}
	opening, closing, _ := strings.Cut(partBegin, "%s")
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(page, opening)
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		part, rest, found := strings.Cut(rest, closing)
		_, after, ended := strings.Cut(rest, partEnd)
		if !found || !ended {
			return "", fmt.Errorf("the part %.20q does not end", part)
		}
		text := made[part]
		if text == "" {
			text = "Not measured.\n"
		}
		b.WriteString(opening + part + closing + text + partEnd)
		page = after
	}
}

package split_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// mappings are what an administrator may have in main.cf that changes recipients and senders behind the front.
const mappings = `
virtual_alias_domains = lists.example
virtual_alias_maps = inline:{
  { team@lists.example = bob@example.net, erin@example.com, dave@example.net }
  { pair@lists.example = carol.upper@example.net, quiet@example.com } }
recipient_bcc_maps = inline:{ watched@example.com=dave@example.net }
`

// TestOwnCases plays the cases that only a Postfix that splits messages can play.
func TestOwnCases(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "-race")
	r := startRelay(t, w, mappings+inOrder)
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var cases []*scenario.Case
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := scenario.ParseCase(strings.TrimSuffix(filepath.Base(file), ".txtar"), "split", string(data))
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	labtest.Play(t, w, r, cases, noPass)
}

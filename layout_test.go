// Package sealmilter_test holds the house to its plan: who may import whom.
package sealmilter_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// imports lists, for every package, the packages of this module that it may import. Dependencies run one way:
// from the program to the nouns.
var imports = map[string][]string{
	"internal/mail":         {},
	"internal/store":        {},
	"internal/lab":          {},
	"deploy":                {},
	"deploy/bom":            {},
	"deploy/debian":         {"deploy", "deploy/bom"},
	"deploy/release":        {"deploy/bom", "deploy/debian"},
	"deploy/release/run":    {"deploy/release"},
	"deploy/postfix":        {},
	"deploy/postfix/split":  {},
	"deploy/sendmail":       {},
	"internal/localuser":    {},
	"internal/manual":       {},
	"internal/coredump":     {},
	"internal/event":        {"internal/mail"},
	"internal/witness":      {"internal/event"},
	"internal/systemd":      {},
	"internal/lab/labtest":  {"internal/lab", "internal/lab/presigned", "internal/lab/scenario"},
	"internal/lab/scenario": {"internal/lab"},
	"internal/lab/scripted": {"internal/lab"},
	"milter":                {"internal/mail", "internal/event"},
	"crypto":                {"internal/mail"},
	"crypto/cms":            {},
	"crypto/pgpmime":        {"internal/mail", "crypto", "crypto/cms"},
	"internal/config":       {"internal/mail"},
	"keys":                  {"internal/mail", "internal/store", "internal/event", "internal/shell", "crypto"},
	"internal/outbox":       {"internal/mail"},
	"internal/wiring":       {"internal/mail", "internal/config", "internal/shell", "deploy/postfix", "deploy/sendmail"},
	"internal/lab/browser":  {"internal/lab"},
	"internal/shell":        {},
	"internal/web":          {"internal/event", "milter"},
	"internal/status":       {"internal/mail", "internal/event", "crypto", "keys", "internal/shell", "internal/web"},
	"internal/gate": {"internal/mail", "internal/config", "internal/event", "internal/outbox", "crypto", "crypto/pgpmime",
		"keys", "internal/shell"},
	"internal/premises": {"internal/config", "internal/event", "internal/store", "crypto", "keys", "internal/shell"},
	"internal/admin": {"internal/config", "internal/event", "internal/gate", "internal/outbox", "internal/status",
		"internal/store", "internal/witness", "keys", "milter", "internal/web", "crypto"},
	"internal/doctor": {"internal/admin", "internal/mail", "internal/config", "internal/gate", "internal/premises",
		"internal/status", "internal/systemd", "internal/wiring", "crypto", "keys", "deploy", "internal/shell",
		"internal/store"},
	"cmd/sealmilter": {"internal/admin", "internal/mail", "internal/config", "internal/gate", "internal/lab",
		"internal/outbox", "internal/store", "crypto", "crypto/pgpmime", "keys", "milter", "deploy", "deploy/postfix",
		"internal/coredump", "internal/doctor", "internal/localuser", "internal/premises", "internal/event",
		"internal/manual", "internal/status", "internal/systemd", "internal/web", "internal/wiring", "internal/witness",
		"internal/shell"},

	"internal/lab/campaign":     {"internal/lab", "deploy/postfix"},
	"internal/lab/campaign/run": {"internal/lab", "internal/lab/campaign"},
	"internal/lab/interop":      {"internal/mail", "internal/lab", "crypto", "crypto/pgpmime", "deploy/postfix", "deploy/sendmail"},
	"internal/lab/interop/run":  {"internal/lab/interop"},

	"internal/lab/bench": {"internal/mail", "internal/store", "internal/lab", "internal/lab/bench/mta", "internal/lab/bench/stock",
		"crypto", "crypto/pgpmime", "keys"},
	"internal/lab/bench/stock": {},
	"internal/lab/bench/run":   {"internal/lab/bench"},

	"internal/lab/pages":      {"internal/lab"},
	"internal/lab/presigned":  {"internal/lab"},
	"internal/lab/corpus":     {"internal/mail", "internal/store", "crypto", "crypto/pgpmime", "keys"},
	"internal/lab/corpus/run": {"internal/lab/corpus"},

	"internal/lab/bench/mta":      {"internal/lab", "deploy/postfix"},
	"internal/lab/bench/mta/run":  {"internal/lab/bench/mta"},
	"internal/lab/bench/mta/noop": {},
}

// compared lists the packages that know a library only to compare ours with it.
var compared = map[string]string{
	"internal/lab/bench/mta/noop": "github.com/emersion/go-milter",
	"internal/lab/bench/stock":    "github.com/ProtonMail/go-crypto",
}

// owners lists the libraries that only one package may know, so that each can be replaced in one place.
var owners = map[string]string{
	"github.com/emersion/go-milter":   "milter",
	"github.com/ProtonMail/go-crypto": "crypto",
	"modernc.org/sqlite":              "internal/store",
	"github.com/jackc/pgx":            "internal/store",
	"github.com/pelletier/go-toml":    "internal/config",
	"github.com/go-ldap/ldap":         "keys",
	"github.com/prometheus":           "internal/admin",
	"github.com/spf13/cobra":          "cmd/sealmilter",
	"github.com/schollz/progressbar":  "cmd/sealmilter",
	"github.com/rogpeppe/go-internal": "internal/lab/scenario",
	"github.com/emersion/go-msgauth":  "internal/lab/scenario",
}

func TestImportsRunOneWay(t *testing.T) {
	const module = "sealmilter/"
	planned := maps.Clone(imports)
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, known := imports[name]
		if !known && len(p.Imports) > 0 {
			t.Errorf("%s has no place in the plan", name)
		}
		delete(planned, name)
		for _, other := range allowed {
			if !slices.Contains(p.Imports, module+other) {
				t.Errorf("%s may import %s, and does not", name, other)
			}
		}
		for _, imported := range p.Imports {
			if own, ours := strings.CutPrefix(imported, module); ours && !slices.Contains(allowed, own) {
				t.Errorf("%s may not import %s", name, own)
			}
			for library, owner := range owners {
				if strings.HasPrefix(imported, library) && name != owner && compared[name] != library {
					t.Errorf("%s may not import %s", name, imported)
				}
			}
		}
	}
}

// TestArchitectureHasEveryPackage holds the table of docs/architecture.md to the plan, and to its order: what a package
// knows stands below it. The laboratory and the commands that make things have one row, or none.
func TestArchitectureHasEveryPackage(t *testing.T) {
	page, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## Packages\n")
	table, _, _ = strings.Cut(table, "\n## ")
	quoted := regexp.MustCompile("`([a-z/]+)`")
	named := func(cell string) (all []string) {
		for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
			name := strings.TrimSuffix(m[1], "/")
			if _, planned := imports[name]; !planned {
				name = "internal/" + name
			}
			all = append(all, name)
		}
		return all
	}
	known := []string{"internal/mail", "internal/event", "internal/shell"} // to all
	var above []string
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.Contains(cells[1], "`") {
			continue
		}
		row := named(cells[1])
		above = append(above, row...)
		if strings.Contains(cells[3], "everything") {
			continue
		}
		var planned []string
		for _, name := range row {
			for _, other := range imports[name] {
				if !slices.Contains(known, other) && !slices.Contains(row, other) {
					planned = append(planned, other)
				}
				if slices.Contains(above, other) && !slices.Contains(row, other) {
					t.Errorf("%s stands below %s, which it knows", name, other)
				}
			}
		}
		slices.Sort(planned)
		planned = slices.Compact(planned)
		if told := slices.Sorted(slices.Values(named(cells[3]))); !slices.Equal(told, planned) {
			t.Errorf("docs/architecture.md says that %s knows %v; it knows %v", strings.Join(row, ", "), told, planned)
		}
	}
	for name := range imports {
		lab := strings.HasPrefix(name, "internal/lab/") || strings.HasSuffix(name, "/run")
		if !lab && !slices.Contains(above, name) {
			t.Errorf("docs/architecture.md has no row for %s", name)
		}
	}
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []goPackage {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

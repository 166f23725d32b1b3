// Package sealmilter_test holds the house to its plan: who may import whom.
package sealmilter_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
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
	"github.com/emersion/go-sasl":     "internal/lab",
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

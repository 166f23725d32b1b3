package sealmilter_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sealmilter/internal/event"
)

var update = flag.Bool("update", false, "write the tables of docs/events.md anew")

// TestThePageOfEventsIsTrue compares the page with the code.
func TestThePageOfEventsIsTrue(t *testing.T) {
	const page = "docs/events.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	var events, attributes strings.Builder
	events.WriteString("| event | level | `msg` | attributes | what to do |\n|---|---|---|---|---|\n")
	for _, k := range event.All() {
		names := "-"
		if attrs := k.Attrs(); len(attrs) > 0 {
			names = "`" + strings.Join(attrs, "` `") + "`"
		}
		fmt.Fprintf(&events, "| `%s` | %s | %s | %s | %s |\n", k.Name(), strings.ToLower(k.Level().String()), orDash(k.Text()), names, orDash(k.Do()))
	}
	attributes.WriteString("| attribute | what it is |\n|---|---|\n")
	for _, a := range event.Attributes() {
		fmt.Fprintf(&attributes, "| `%s` | %s |\n", a.Name, a.Means)
	}
	for name, table := range map[string]string{"events": events.String(), "attributes": attributes.String()} {
		before, rest, found := strings.Cut(want, "<!-- "+name+" -->\n")
		_, after, closed := strings.Cut(rest, "<!-- end -->\n")
		if !found || !closed {
			t.Fatalf("%s has no place for %s", page, name)
		}
		want = before + "<!-- " + name + " -->\n" + table + "<!-- end -->\n" + after
	}
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Errorf("%s is not what the code does; type go test -run ThePageOfEvents . -update", page)
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// TestEventsAreWhole looks at what all events have in common.
func TestEventsAreWhole(t *testing.T) {
	means := map[string]bool{}
	for _, a := range event.Attributes() {
		if means[a.Name] || a.Means == "" {
			t.Errorf("attribute %s is there twice, or means nothing", a.Name)
		}
		means[a.Name] = true
	}
	used := map[string]bool{}
	for _, k := range event.All() {
		if used[k.Name()] {
			t.Errorf("%s is there twice", k.Name())
		}
		used[k.Name()] = true
		for i, a := range k.Attrs() {
			if !means[a] || slices.Contains(k.Attrs()[:i], a) {
				t.Errorf("%s has %s twice, or nobody knows what that means", k.Name(), a)
			}
			used["attribute "+a] = true
		}
		if k.Level() >= 4 && k.Do() == "" {
			t.Errorf("%s is a warning, and does not say what to do", k.Name())
		}
	}
	for _, a := range event.Attributes() {
		if !used["attribute "+a.Name] {
			t.Errorf("no event has %s", a.Name)
		}
	}
}

// logging are the methods of a logger that write a line.
var logging = []string{"Debug", "Info", "Warn", "Error", "DebugContext", "InfoContext", "WarnContext", "ErrorContext", "LogAttrs"}

// TestWhatIsLoggedIsAnEvent reads the code: no line is written but by a kind of event, and each kind is one that is written.
func TestWhatIsLoggedIsAnEvent(t *testing.T) {
	defined, used := map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (path == "internal/lab" || strings.HasPrefix(d.Name(), ".") && path != ".") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		inEvent := filepath.Dir(path) == "internal/event"
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, v := range n.Values {
					if literal, is := v.(*ast.CompositeLit); is && inEvent {
						if kind, is := literal.Type.(*ast.Ident); is && kind.Name == "Kind" {
							defined[n.Names[i].Name] = true
						}
					}
				}
			case *ast.CallExpr:
				f, is := n.Fun.(*ast.SelectorExpr)
				if is && !inEvent && len(n.Args) > 0 && slices.Contains(logging, f.Sel.Name) && !isPackage(f.X, "http") {
					t.Errorf("%s: what is logged here is no event", set.Position(n.Pos()))
				}
			case *ast.SelectorExpr:
				if isPackage(n.X, "event") {
					used[n.Sel.Name] = true
				}
				if kind, is := n.X.(*ast.Ident); is && inEvent {
					used[kind.Name] = true
				}
			case *ast.ReturnStmt:
				// What a function of the package chooses is logged by its caller.
				for _, result := range n.Results {
					if name, is := result.(*ast.Ident); is && inEvent {
						used[name.Name] = true
					}
				}
			case *ast.RangeStmt:
				if list, is := n.X.(*ast.CompositeLit); is && inEvent {
					for _, name := range list.Elts {
						if name, is := name.(*ast.Ident); is {
							used[name.Name] = true
						}
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(defined) != len(event.All()) {
		t.Errorf("%d kinds are defined, and event.All returns %d", len(defined), len(event.All()))
	}
	for name := range defined {
		if !used[name] {
			t.Errorf("event.%s is never logged", name)
		}
	}
}

func isPackage(x ast.Expr, name string) bool {
	ident, is := x.(*ast.Ident)
	return is && ident.Name == name
}

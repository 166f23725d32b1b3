package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// checkSources parses the files that make lines of check.
func checkSources(t *testing.T) []*ast.File {
	t.Helper()
	var all []*ast.File
	for _, pattern := range []string{"setup_proof.go", "../../internal/doctor/*.go", "../../internal/wiring/*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatal(pattern, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, file)
		}
	}
	return all
}

// leading returns the string literal with which an expression begins.
func leading(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return leading(e.X)
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	}
	return "", false
}

// topicsOfCode returns what the code calls its topics; one that ends with a blank is the beginning of several.
func topicsOfCode(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	note := func(e ast.Expr) {
		if text, is := leading(e); is {
			found[text] = true
		}
	}
	// Where the topic is among the arguments.
	at := map[string]int{"add": 1, "fail": 1, "ok": 0, "warning": 0, "error": 0, "space": 0}
	for _, file := range checkSources(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if ident, is := n.Lhs[0].(*ast.Ident); is && ident.Name == "topic" {
					note(n.Rhs[0])
				}
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if strings.HasSuffix(strings.ToLower(name.Name), "topic") && i < len(n.Values) {
						note(n.Values[i])
					}
				}
			case *ast.KeyValueExpr:
				if key, is := n.Key.(*ast.Ident); is && key.Name == "Topic" {
					note(n.Value)
				}
			case *ast.CallExpr:
				if method, is := n.Fun.(*ast.SelectorExpr); is {
					if i, known := at[method.Sel.Name]; known && i < len(n.Args) {
						note(n.Args[i])
					}
				}
			}
			return true
		})
	}
	return slices.Sorted(maps.Keys(found))
}

// TestCheckPage holds docs/check.md to the topics of the code, and the other way round.
func TestCheckPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	var onPage []string
	for _, row := range regexp.MustCompile("(?m)^\\| ((?:`[^`]+`(?:, )?)+) \\|").FindAllStringSubmatch(string(page), -1) {
		for _, topic := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			onPage = append(onPage, topic[1])
		}
	}
	inCode := topicsOfCode(t)
	if len(inCode) < 40 {
		t.Errorf("topics found in the code: %q", inCode)
	}
	covers := func(code, page string) bool {
		return code == page || strings.HasSuffix(code, " ") && strings.HasPrefix(page, code)
	}
	for _, topic := range inCode {
		if !slices.ContainsFunc(onPage, func(p string) bool { return covers(topic, p) }) {
			t.Errorf("docs/check.md lacks the topic %q", topic)
		}
	}
	for _, topic := range onPage {
		if !slices.ContainsFunc(inCode, func(c string) bool { return covers(c, topic) }) {
			t.Errorf("docs/check.md has a topic %q that no line has", topic)
		}
	}
}

// TestCheckMends holds every line that is not ok to saying what to do, and every command of sealmilter that is offered to
// being one, with flags that it has.
func TestCheckMends(t *testing.T) {
	command := regexp.MustCompile(`sealmilter ((?:check|serve|explain|keys|setup|demo|version)\b[^;:,()|&'"]*)`)
	tried := 0
	for _, file := range checkSources(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				method, is := n.Fun.(*ast.SelectorExpr)
				if !is || method.Sel.Name != "add" && method.Sel.Name != "warning" && method.Sel.Name != "error" || len(n.Args) < 3 {
					return true
				}
				state, _ := leading(n.Args[0])
				if mend, literal := leading(n.Args[len(n.Args)-1]); literal && mend == "" && (method.Sel.Name != "add" || state == "error" || state == "warning") {
					topic, _ := leading(n.Args[1])
					t.Errorf("%s: a line about %q says nothing of what to do", file.Name, topic)
				}
			case *ast.BasicLit:
				text, err := strconv.Unquote(n.Value)
				if err != nil || n.Kind != token.STRING {
					return true
				}
				for _, m := range command.FindAllStringSubmatch(text, -1) {
					tried++
					root, _ := newRoot()
					words := strings.Fields(m[1])
					if strings.HasSuffix(text, m[0]) && strings.HasSuffix(text, " ") {
						words = append(words, "x") // what the code puts behind it
					}
					cmd, rest, err := root.Find(words)
					if err == nil {
						err = cmd.ParseFlags(rest)
					}
					if err != nil && !strings.Contains(err.Error(), "help requested") || cmd.HasSubCommands() && len(cmd.Flags().Args()) > 0 {
						t.Errorf("there is no such command: %s (%v)", m[0], err)
					}
				}
			}
			return true
		})
	}
	if tried < 20 {
		t.Errorf("commands tried: %d", tried)
	}
}

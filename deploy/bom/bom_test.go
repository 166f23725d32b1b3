package bom_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/deploy/bom"
	"sealmilter/internal/lab"
)

const root = "../.."

// TestProgram reads of what the real program is made. It fails when a module is linked whose licence is not found.
func TestProgram(t *testing.T) {
	program, err := lab.Build(t.Context(), t.TempDir(), "sealmilter/cmd/sealmilter", "-trimpath")
	if err != nil {
		t.Fatal(err)
	}
	p, err := bom.Read(t.Context(), program, root, "./cmd/sealmilter")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bom.Module)
	for _, m := range p.Modules {
		found[m.Path] = m
		if m.Licence == "" || len(m.Texts) == 0 {
			t.Errorf("%s has no licence", m.Path)
		}
		if (m.Sum == "") != (m.Path == "std") {
			t.Errorf("%s has the checksum %q", m.Path, m.Sum)
		}
	}
	for path, licence := range map[string]string{
		"std": "BSD-3-Clause", "github.com/spf13/cobra": "Apache-2.0", "github.com/ProtonMail/go-crypto": "BSD-3-Clause",
		"github.com/emersion/go-milter": "BSD-2-Clause", "github.com/jackc/pgx/v5": "MIT", "modernc.org/sqlite": "BSD-3-Clause",
	} {
		if found[path].Licence != licence {
			t.Errorf("%s has the licence %q, not %s", path, found[path].Licence, licence)
		}
	}
	// Packages of a module may have come from elsewhere.
	if texts := found["github.com/prometheus/client_golang"].Texts; len(texts) < 2 {
		t.Errorf("of client_golang only %d texts were found", len(texts))
	}

	text, err := p.CycloneDX()
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		BOMFormat  string
		Components []struct {
			Name, Version, PURL string
			Hashes              []struct{ Content string }
		}
		Dependencies []struct{ DependsOn []string }
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if d.BOMFormat != "CycloneDX" || len(d.Components) != len(p.Modules) || len(d.Dependencies[0].DependsOn) != len(p.Modules) {
		t.Errorf("the document has %d components of %d", len(d.Components), len(p.Modules))
	}
	for _, c := range d.Components {
		if !strings.HasPrefix(c.PURL, "pkg:golang/") || c.Version == "" || c.Name != "std" && len(c.Hashes[0].Content) != 64 {
			t.Errorf("%+v", c)
		}
	}
	if again, err := p.CycloneDX(); err != nil || string(again) != string(text) {
		t.Errorf("the same program gives another document, %v", err)
	}
}

// TestIdentify holds what is told apart to what must not be taken for it.
func TestIdentify(t *testing.T) {
	const bsd2 = "Redistribution and use in source and binary forms, with or without\n * modification, are permitted. " +
		"Reproduce the notice in the documentation and/or\n * other materials provided with the distribution."
	for text, want := range map[string]string{
		bsd2: "BSD-2-Clause",
		bsd2 + " Neither the name may be used to endorse or promote\nproducts derived from this software.":      "BSD-3-Clause",
		bsd2 + " All advertising materials mentioning features must display:":                                   "",
		"GNU GENERAL PUBLIC LICENSE Version 3":                                                                  "",
		"                                 Apache License\n                           Version 2.0, January 2004": "Apache-2.0",
		"Apache License Version 2.0 with the Commons Clause":                                                    "",
		"":                    "",
		"All rights reserved": "",
	} {
		if got := bom.Identify(text); got != want {
			t.Errorf("%q is %q, not %q", text, got, want)
		}
	}
}

// TestNoLicence takes the licence away from a module.
func TestNoLicence(t *testing.T) {
	work := t.TempDir()
	files := map[string]string{
		"main/go.mod":  "module example.org/program\n\ngo 1.26.0\n\nrequire example.org/bare v0.0.0\n\nreplace example.org/bare => ../bare\n",
		"main/main.go": "package main\n\nimport \"example.org/bare\"\n\nfunc main() { bare.Do() }\n",
		"bare/go.mod":  "module example.org/bare\n\ngo 1.26.0\n",
		"bare/bare.go": "package bare\n\nfunc Do() {}\n",
	}
	for name, text := range files {
		path := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Join(work, "main"))
	program, err := lab.Build(t.Context(), t.TempDir(), "example.org/program")
	if err == nil {
		_, err = bom.Read(t.Context(), program, ".", ".")
	}
	if !errors.Is(err, bom.ErrNoLicence) {
		t.Errorf("without a licence: %v", err)
	}
}

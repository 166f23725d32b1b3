package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

// shared is the program that the tests of this package share.
var shared labtest.Stock

// tests run with what is shared.
type tests struct{ *testing.M }

func (t tests) Run() int { return shared.Run(t.M) }

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){
		"sealmilter": func() {
			os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// TestScripts runs the command line as an administrator would, on a machine that trusts one authority. Those of the real
// machine would be read again by each command, which takes longer than all else that it does.
func TestScripts(t *testing.T) {
	trusted := t.TempDir()
	authority, err := lab.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(trusted, "authority.pem")
	if err := authority.WritePEM(file); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{Dir: "testdata", Setup: func(env *testscript.Env) error {
		env.Setenv("SSL_CERT_FILE", file)
		env.Setenv("SSL_CERT_DIR", trusted)
		// The race detector would have each command sleep for a second when it ends.
		env.Setenv("GORACE", "atexit_sleep_ms=0")
		return nil
	}})
}

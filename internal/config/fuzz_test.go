package config_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"sealmilter/internal/config"
)

// allErrors returns the errors of a file.
func allErrors(t *testing.T, err error) []*config.Error {
	t.Helper()
	var all []*config.Error
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("the error %v is no list", err)
	}
	for _, err := range joined.Unwrap() {
		var e *config.Error
		if !errors.As(err, &e) {
			t.Fatalf("the error %v has no place", err)
		}
		all = append(all, e)
	}
	return all
}

// namesKey finds the key in the text of an error.
var namesKey = regexp.MustCompile(`^(this is not valid TOML: |unknown key "|[a-z_]+(\.[a-z_]+)*(\."([^"\\]|\\.)*")?[: ])`)

// checkError checks that an administrator can find what is wrong.
func checkError(t *testing.T, e *config.Error, b []byte) {
	t.Helper()
	lines := bytes.Split(b, []byte{'\n'})
	switch {
	case e.Line < 1 || e.Line > len(lines) || e.Column < 1 || e.Column > len(lines[e.Line-1])+1:
		t.Errorf("%v is nowhere in\n%q", e, b)
	case !namesKey.MatchString(e.Text):
		t.Errorf("%v names no key", e)
	case !utf8.ValidString(e.Text) || strings.ContainsFunc(e.Text, unicode.IsControl) || len(e.Text) > 4*len(b)+2000:
		t.Errorf("%.3000q cannot be shown", e.Text)
	}
}

// checkNumbers looks for limits and times that nothing could be done with.
func checkNumbers(t *testing.T, name string, v reflect.Value) {
	t.Helper()
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		mayBeZero := name == "Config.Senders.Extend"
		if d := time.Duration(v.Int()); d < 0 || d == 0 && !mayBeZero {
			t.Errorf("%s is %v", name, d)
		}
	case v.Kind() == reflect.Int || v.Kind() == reflect.Int64:
		if n := v.Int(); n <= 0 && name != "Config.Log.Level" {
			t.Errorf("%s is %d", name, n)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				checkNumbers(t, name+"."+v.Type().Field(i).Name, v.Field(i))
			}
		}
	}
}

// FuzzFile reads any file. What is wrong with one is said at its place and by the key's name; one that is accepted has
// only numbers that can be worked with, and says the same with another comment, or read once more.
func FuzzFile(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.toml", "testdata/*.toml", example} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Add([]byte("limits.message = 1\nlimits.in_flight = \"9223372036854775807\"\nkeys.timeout = \"0.1ns\"\n"))
	f.Add([]byte("[senders]\nkey_lifetime = \"65535d\"\nextend = \"2562047h47m16.854775807s\"\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := config.Parse("file", b)
		commented, commentedErr := config.Parse("file", append(bytes.Clone(b), "\n# another comment\n"...))
		again, againErr := config.Parse("file", bytes.Clone(b))
		if err != nil {
			if c != nil || againErr == nil || againErr.Error() != err.Error() {
				t.Fatalf("%+v, %v, then %v", c, err, againErr)
			}
			for _, e := range allErrors(t, err) {
				checkError(t, e, b)
			}
			return
		}
		checkNumbers(t, "Config", reflect.ValueOf(*c))
		if againErr != nil || !reflect.DeepEqual(c, again) || commentedErr != nil || !reflect.DeepEqual(c, commented) {
			t.Errorf("the file is read as\n%+v\nthen as\n%+v, %v\nand with a comment as\n%+v, %v", c, again, againErr, commented, commentedErr)
		}
	})
}

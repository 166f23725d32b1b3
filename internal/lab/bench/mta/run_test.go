package mta_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sealmilter/internal/lab/bench/mta"
)

// TestRun has every variant take some messages, one of them for several recipients.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	loads := []mta.Load{
		{Messages: 3, Recipients: 1, Size: 10240, Sessions: 2},
		{Messages: 2, Recipients: 3, Size: 1000, Sessions: 1, Reconnect: true},
	}
	all, err := mta.Run(t.Context(), mta.Config{Loads: loads, Rounds: 2, Profiles: dir, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if want := len(mta.Variants()) * len(loads) * 2; len(all) != want {
		t.Errorf("%d figures, not %d", len(all), want)
	}
	for _, f := range all {
		if len(f.Waited) != f.Load.Messages || f.Elapsed <= 0 {
			t.Errorf("%+v", f)
		}
	}
	for _, v := range []mta.Variant{mta.SealUnix, mta.SealTCP} {
		profile, err := os.ReadFile(filepath.Join(dir, string(v)+".pprof"))
		if err != nil || !bytes.HasPrefix(profile, []byte{0x1f, 0x8b}) { // it is compressed by gzip
			t.Errorf("%s: %v, %.10q", v, err, profile)
		}
	}
	summaries := mta.Summarize(all)
	if len(summaries) != len(all)/2 {
		t.Errorf("%d summaries", len(summaries))
	}
	if err := mta.WriteTable(t.Output(), summaries); err != nil {
		t.Error(err)
	}
}

func TestRunRefusesNoLoad(t *testing.T) {
	_, err := mta.Run(t.Context(), mta.Config{Loads: []mta.Load{{}}})
	if !errors.Is(err, mta.ErrLoad) {
		t.Error(err)
	}
}

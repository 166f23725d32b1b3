package campaign

import (
	"context"
	"testing"
	"time"

	"sealmilter/internal/lab/labtest"
)

// TestCampaign leads a short campaign. "make campaign" leads longer ones, with other seeds.
func TestCampaign(t *testing.T) {
	t.Parallel()
	const kills, seed = 15, 3
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	verdict, evidence, err := Run(ctx, Config{Program: labtest.Build(t), Kills: kills, Seed: seed, Progress: t.Output()})
	if err != nil {
		t.Fatalf("%v; to study it: %s", err, evidence)
	}
	t.Log(verdict)
	if !verdict.Kept() {
		t.Errorf("to study it: %s", evidence)
		for _, f := range verdict.Findings {
			t.Log(f)
		}
	}
	if verdict.Kills != kills || verdict.Messages == 0 || verdict.Copies < verdict.Messages {
		t.Errorf("there were %d kills, %d messages and %d copies", verdict.Kills, verdict.Messages, verdict.Copies)
	}
}

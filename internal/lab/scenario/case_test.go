package scenario

import "testing"

func TestLinesForAnMTA(t *testing.T) {
	const text = "> DATA\n# The MTAs say it differently.\n[sendmail] < 503\n[!sendmail] < 554\n[8bit] > NOOP\n[7bit] > HELP\n[8bit] [sendmail] > VRFY\n[!8bit] [sendmail] > EXPN\n> QUIT\n"
	for mta, want := range map[string]string{
		"sendmail": "> DATA\n# The MTAs say it differently.\n< 503\n> NOOP\n> VRFY\n> QUIT\n",
		"postfix":  "> DATA\n# The MTAs say it differently.\n< 554\n> NOOP\n> QUIT\n",
	} {
		if got, err := linesFor([]string{mta, "8bit"}, text); err != nil || got != want {
			t.Errorf("%s: %q, %v", mta, got, err)
		}
	}
	if _, err := linesFor([]string{"postfix"}, "> DATA\n[sendmail] < 503\n"); err == nil {
		t.Error("a difference between MTAs needs no explanation")
	}
}

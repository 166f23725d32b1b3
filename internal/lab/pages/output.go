package pages

import (
	"fmt"
	"regexp"
	"strings"
)

// Names are the fingerprints that a page writes, and those that take their places on the host where it is followed.
type Names map[string]string

// In returns text with the fingerprints of the host in the place of those of the page.
func (n Names) In(text string) string {
	return fingerprint.ReplaceAllStringFunc(text, func(written string) string {
		if real, known := n[written]; known {
			return real
		}
		return written
	})
}

var (
	fingerprint = regexp.MustCompile(`\b(?:[0-9A-F]{64}|[0-9A-F]{40})\b`)
	// volatile is what another run prints in another way, but for fingerprints.
	volatile = regexp.MustCompile(`\b(?:[0-9A-F]{64}|[0-9A-F]{40})\b|\d{4}-\d{2}-\d{2}(?:T[\d:.]+Z?| \d{2}:\d{2}:\d{2})?|\b\d+ (?:days|octets)\b|\b\d+(?:\.\d+)?(?:ms|µs|s)\b|\b[0-9A-F]{10,12}\b|\.\.\.| {2,}`)
)

// Match compares what a command has printed with what the page shows. Fingerprints are learned at their first sight and have
// to be the same afterwards. Dates, times, durations, queue ids and the width of columns may differ; "..." on the page
// stands for anything, and in a line of its own for any number of lines.
func (n Names) Match(shown, printed string) error {
	var pattern strings.Builder
	var learned []string
	pattern.WriteString(`^`)
	for line := range strings.Lines(strings.TrimRight(shown, "\n") + "\n") {
		line = strings.TrimRight(line, "\n")
		if strings.TrimSpace(line) == "..." {
			pattern.WriteString(`(?:.*\n)*`)
			continue
		}
		last := 0
		for _, m := range volatile.FindAllStringIndex(line, -1) {
			pattern.WriteString(regexp.QuoteMeta(line[last:m[0]]))
			word := line[m[0]:m[1]]
			switch {
			case fingerprint.MatchString(word) && n[word] != "":
				pattern.WriteString(n[word])
			case fingerprint.MatchString(word):
				fmt.Fprintf(&pattern, "([0-9A-F]{%d})", len(word))
				learned = append(learned, word)
			case word == "...":
				pattern.WriteString(`.*`)
			case strings.TrimSpace(word) == "":
				pattern.WriteString(` +`)
			default:
				pattern.WriteString(likeWord(word))
			}
			last = m[1]
		}
		pattern.WriteString(regexp.QuoteMeta(line[last:]) + ` *\n`)
	}
	pattern.WriteString(`$`)
	form, err := regexp.Compile(pattern.String())
	if err != nil {
		return err
	}
	found := form.FindStringSubmatch(strings.TrimRight(printed, "\n") + "\n")
	if found == nil {
		return fmt.Errorf("the page shows\n%s\nand it prints\n%s", shown, printed)
	}
	for i, word := range learned {
		if real := n[word]; real != "" && real != found[i+1] {
			return fmt.Errorf("the page has the same fingerprint %s where %s and %s are printed", word, real, found[i+1])
		}
		n[word] = found[i+1]
	}
	return nil
}

var digits, letters = regexp.MustCompile(`\d+`), regexp.MustCompile(`^[0-9A-F]{10,12}$`)

// likeWord returns a pattern for words of the same form with other numbers.
func likeWord(word string) string {
	switch {
	case strings.HasSuffix(word, "s") && !strings.Contains(word, " "):
		return `\d+(?:\.\d+)?(?:ms|µs|s)`
	case letters.MatchString(word) && !strings.Contains(word, "-"):
		return `[0-9A-F]{8,14}`
	default:
		return digits.ReplaceAllString(regexp.QuoteMeta(word), `\d+`)
	}
}

package gate

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

// subjectTags are the texts that ask for a mode where they stand in a Subject.
type subjectTags struct {
	each []subjectTag
	any  *regexp.Regexp
}

type subjectTag struct {
	pattern *regexp.Regexp
	mode    config.Mode
}

// newSubjectTags returns the tags of a configuration that has some. Neither the case counts nor how much white space
// there is, which changes where a line is folded.
func newSubjectTags(modes map[string]config.Mode) subjectTags {
	var tags subjectTags
	var all []string
	// The longest first: of two that begin alike, the whole of the longer one is to go.
	for _, text := range slices.SortedFunc(maps.Keys(modes), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	}) {
		words := strings.Fields(text)
		for i, word := range words {
			words[i] = regexp.QuoteMeta(word)
		}
		pattern := strings.Join(words, `[ \t\r\n]+`)
		all = append(all, pattern)
		tags.each = append(tags.each, subjectTag{regexp.MustCompile(`(?i)` + pattern), modes[text]})
	}
	tags.any = regexp.MustCompile(`(?i)` + strings.Join(all, "|"))
	return tags
}

// maxTagsInTags is how often a Subject is looked through for what was not there before something was taken out, as in
// "[enc[encrypt]rypt]".
const maxTagsInTags = 8

// take returns the raw value of a field without the tags, and the strictest mode that they ask for, "" for none. A value
// without a tag comes back as it is.
func (t subjectTags) take(value string) (rest string, asked config.Mode, err error) {
	came := value
	value = strings.ReplaceAll(value, "\x00", "") // as copies lack it
	for range maxTagsInTags {
		subject := parseSubject(value)
		text := subject.text()
		found := t.any.FindAllStringIndex(text, -1)
		switch {
		case found == nil && asked == "":
			return came, "", nil
		case found == nil:
			return value, asked, nil
		}
		for _, tag := range t.each {
			if (asked == "" || strictness(tag.mode) > strictness(asked)) && tag.pattern.MatchString(text) {
				asked = tag.mode
			}
		}
		for _, at := range slices.Backward(found) {
			subject.cut(withSpace(text, at[0], at[1]))
		}
		subject.trim()
		value = subject.value()
	}
	return "", "", mail.Reject("5.6.0", "The Subject of the message asks for a mode within a request for one. Write each request once, and send the message again.", nil)
}

// withSpace takes the white space behind a tag along where there is some in front of it, too, or nothing at all.
func withSpace(text string, from, to int) (int, int) {
	if from == 0 || isSpace(text[from-1]) {
		for to < len(text) && isSpace(text[to]) {
			to++
		}
	}
	return from, to
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

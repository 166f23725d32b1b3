package wiring

import "strings"

// parameter returns the last entry of main.cf that sets a parameter, which is the one that holds, and its value as it is
// written.
func parameter(file, name string) (e entry, value string, found bool) {
	for _, candidate := range entries(file) {
		if key, v, is := nameAndValue(candidate.text); is && key == name {
			e, value, found = candidate, v, true
		}
	}
	return e, value, found
}

// setParameter returns main.cf with a parameter set: in place where it is set already, at the end else. Comments between
// the lines of the old value stay behind it.
func setParameter(file, name, value string) string {
	e, old, found := parameter(file, name)
	if !found {
		return withEnd(file) + name + " = " + value + "\n"
	}
	if old == value {
		return file
	}
	return file[:e.start] + name + " = " + value + "\n" + comments(file[e.start:e.end]) + file[e.end:]
}

// removeParameter returns main.cf without the entry of a parameter.
func removeParameter(file, name string) string {
	e, _, found := parameter(file, name)
	if !found {
		return file
	}
	return file[:e.start] + comments(file[e.start:e.end]) + file[e.end:]
}

// comments returns the lines of an entry that are comments.
func comments(lines string) string {
	var kept strings.Builder
	for line := range strings.Lines(lines) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

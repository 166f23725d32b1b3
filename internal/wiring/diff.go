package wiring

import (
	"fmt"
	"strings"
)

// Diff returns how a file changes as a unified diff with three lines of context, "" if it does not. A file that is not
// there has the name /dev/null, as patch(1) wants it.
func Diff(path string, before, after []byte) string {
	if string(before) == string(after) && (before == nil) == (after == nil) {
		return ""
	}
	old, new := splitLines(before), splitLines(after)
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", nameOf(path, before), nameOf(path, after))
	for _, h := range hunks(edits(old, new)) {
		h.write(&b)
	}
	return b.String()
}

func nameOf(path string, content []byte) string {
	if content == nil {
		return "/dev/null"
	}
	return path
}

func splitLines(b []byte) []string {
	var all []string
	for line := range strings.Lines(string(b)) {
		all = append(all, line)
	}
	return all
}

// lineEdit is a line that stays (' '), goes ('-') or comes ('+').
type lineEdit struct {
	kind byte
	line string
}

// edits compares two files by their longest common subsequence, after what they have in common at both ends.
func edits(old, new []string) []lineEdit {
	var head, tail []lineEdit
	for len(old) > 0 && len(new) > 0 && old[0] == new[0] {
		head, old, new = append(head, lineEdit{' ', old[0]}), old[1:], new[1:]
	}
	for len(old) > 0 && len(new) > 0 && old[len(old)-1] == new[len(new)-1] {
		tail = append(tail, lineEdit{' ', old[len(old)-1]})
		old, new = old[:len(old)-1], new[:len(new)-1]
	}
	// common[i][j] is the length of the longest common subsequence of old[i:] and new[j:].
	common := make([][]int, len(old)+1)
	for i := range common {
		common[i] = make([]int, len(new)+1)
	}
	for i := len(old) - 1; i >= 0; i-- {
		for j := len(new) - 1; j >= 0; j-- {
			if old[i] == new[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	all := head
	for i, j := 0, 0; i < len(old) || j < len(new); {
		switch {
		case i < len(old) && j < len(new) && old[i] == new[j]:
			all = append(all, lineEdit{' ', old[i]})
			i, j = i+1, j+1
		case i < len(old) && (j == len(new) || common[i+1][j] >= common[i][j+1]):
			all = append(all, lineEdit{'-', old[i]})
			i++
		default:
			all = append(all, lineEdit{'+', new[j]})
			j++
		}
	}
	for i := len(tail) - 1; i >= 0; i-- {
		all = append(all, tail[i])
	}
	return all
}

// hunk is a group of edits near to each other. Lines count from 0.
type hunk struct {
	oldStart, newStart int
	lines              []lineEdit
}

const diffContext = 3

func hunks(all []lineEdit) []hunk {
	var found []hunk
	oldLine, newLine, end := 0, 0, 0 // end is the place in all up to which lines are in a hunk
	for i, e := range all {
		if e.kind != ' ' {
			from := max(i-diffContext, end)
			if len(found) == 0 || from > end {
				found = append(found, hunk{oldStart: oldLine - (i - from), newStart: newLine - (i - from)})
			}
			h := &found[len(found)-1]
			to := min(i+1+diffContext, len(all))
			h.lines = append(h.lines, all[max(from, end):max(to, end)]...)
			end = max(to, end)
		}
		if e.kind != '+' {
			oldLine++
		}
		if e.kind != '-' {
			newLine++
		}
	}
	return found
}

func (h hunk) write(b *strings.Builder) {
	oldCount, newCount := 0, 0
	for _, e := range h.lines {
		if e.kind != '+' {
			oldCount++
		}
		if e.kind != '-' {
			newCount++
		}
	}
	fmt.Fprintf(b, "@@ -%s +%s @@\n", position(h.oldStart, oldCount), position(h.newStart, newCount))
	for _, e := range h.lines {
		b.WriteByte(e.kind)
		b.WriteString(e.line)
		if !strings.HasSuffix(e.line, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

func position(start, count int) string {
	if count == 0 {
		return fmt.Sprintf("%d,0", start)
	}
	return fmt.Sprintf("%d,%d", start+1, count)
}

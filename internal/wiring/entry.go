package wiring

import "strings"

// entry is a logical line of main.cf or master.cf: a line and those that continue it, which begin with white space.
// Comments and empty lines in between do not end it (postconf(5), "The general format of the main.cf file").
type entry struct {
	// start and end are where it lies in the file; end is behind the line end of its last line.
	start, end int
	// text is the logical line without comments; its lines are joined by LF.
	text string
	// at has, for every octet of text, where it lies in the file.
	at []int
}

// entries returns the logical lines of a file.
func entries(file string) []entry {
	var all []entry
	for offset := 0; offset < len(file); {
		line := file[offset:]
		if i := strings.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
		next := offset + len(line)
		content := strings.TrimRight(line, "\r\n")
		switch bare := strings.TrimSpace(content); {
		case bare == "" || bare[0] == '#':
		case (content[0] == ' ' || content[0] == '\t') && len(all) > 0:
			last := &all[len(all)-1]
			last.text, last.at = last.text+"\n", append(last.at, last.end-1)
			last.add(content, offset)
			last.end = next
		default:
			e := entry{start: offset, end: next}
			e.add(content, offset)
			all = append(all, e)
		}
		offset = next
	}
	return all
}

func (e *entry) add(content string, offset int) {
	e.text += content
	for i := range len(content) {
		e.at = append(e.at, offset+i)
	}
}

// splice returns the file with what lies between two places of the entry's text replaced.
func (e entry) splice(file string, from, to int, with string) string {
	return file[:e.at[from]] + with + file[e.at[to-1]+1:]
}

// withEnd returns the file with a line end at its end.
func withEnd(file string) string {
	if file != "" && !strings.HasSuffix(file, "\n") {
		return file + "\n"
	}
	return file
}

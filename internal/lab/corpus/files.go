package corpus

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sealmilter/internal/mail"
)

// item is one message or one file of keys.
type item struct {
	name   string // the file's, with the number of the message behind it in a file of several
	octets []byte
}

// collection is all that a folder holds.
type collection struct {
	messages []item
	keys     []string // paths of files
}

// collect reads all files in and below a folder. What may be either is taken for both.
func collect(folder string) (collection, error) {
	var c collection
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		octets, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		messages := splitMailbox(octets)
		header, _ := mail.SplitMessage(messages[0])
		armored := bytes.HasPrefix(bytes.TrimSpace(octets), []byte("-----BEGIN PGP "))
		binary := len(octets) > 0 && octets[0] >= 0x80
		mayBeMail := len(header) > 0 || !armored && !binary && !isKeyFile(path)
		if mayBeMail {
			for i, message := range messages {
				numbered := name
				if len(messages) > 1 {
					numbered = fmt.Sprintf("%s#%d", name, i+1)
				}
				c.messages = append(c.messages, item{numbered, message})
			}
		}
		if len(header) == 0 && !isMailFile(path) || isKeyFile(path) {
			c.keys = append(c.keys, path)
		}
		return nil
	})
	if err != nil {
		return c, fmt.Errorf("read the corpus: %w", err)
	}
	return c, nil
}

// isKeyFile goes by the names that people give to exported keys.
func isKeyFile(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".asc", ".pgp", ".gpg", ".key", ".pub", ".sec", ".cert", ".kbx":
		return true
	}
	return false
}

// isMailFile goes by the names of saved messages.
func isMailFile(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".eml", ".msg", ".mbox", ".txt", ".mime":
		return true
	}
	return false
}

// splitMailbox cuts an mbox file (RFC 4155) into its messages. Anything else is one message.
func splitMailbox(octets []byte) [][]byte {
	if !isPostmark(octets) {
		return [][]byte{octets}
	}
	var messages [][]byte
	start := 0
	for at, empty := 0, true; at < len(octets); {
		next := lineAfter(octets, at, len(octets))
		if empty && at > start && isPostmark(octets[at:next]) {
			messages = append(messages, withoutPostmark(octets[start:at]))
			start = at
		}
		empty = len(bytes.TrimRight(octets[at:next], "\r\n")) == 0
		at = next
	}
	return append(messages, withoutPostmark(octets[start:]))
}

// isPostmark reports whether the first line separates messages: it names a sender and has a time of day.
func isPostmark(octets []byte) bool {
	line, _, _ := bytes.Cut(octets, []byte("\n"))
	return bytes.HasPrefix(line, []byte("From ")) && bytes.Count(line, []byte(":")) >= 1
}

func withoutPostmark(message []byte) []byte { return message[lineAfter(message, 0, len(message)):] }

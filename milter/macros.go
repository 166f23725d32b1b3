package milter

import (
	"strings"

	lib "github.com/emersion/go-milter"
)

// macros keeps what the MTA said for each event. The library forgets all macros with each new macro packet.
type macros map[lib.Code]map[string]string

// maxMacros limits a macro packet in octets. Both MTAs send some hundreds.
const maxMacros = 64 << 10

// set takes the data of a macro packet: the event it belongs to, then names and values, each ended by NUL. It reports
// whether the packet was one.
func (m macros) set(data []byte) bool {
	if len(data) == 0 || len(data) > maxMacros {
		return false
	}
	named := make(map[string]string)
	words := strings.Split(string(data[1:]), "\x00")
	for ; len(words) >= 2; words = words[2:] {
		named[macroName(words[0])] = words[1]
	}
	m[lib.Code(data[0])] = named
	return true
}

// get returns the value for the first of the events that has the macro, "" if none has.
func (m macros) get(name string, events ...lib.Code) string {
	for _, event := range events {
		if value, ok := m[event][name]; ok {
			return value
		}
	}
	return ""
}

// forgetMessage drops all that does not belong to the SMTP session as a whole.
func (m macros) forgetMessage() {
	for event := range m {
		if event != lib.CodeConn && event != lib.CodeHelo {
			delete(m, event)
		}
	}
}

// macroName strips the braces of a long name: both MTAs write {auth_authen}, but i.
func macroName(s string) string {
	return strings.TrimSuffix(strings.TrimPrefix(s, "{"), "}")
}

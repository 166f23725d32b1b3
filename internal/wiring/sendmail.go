package wiring

import (
	"net"
	"path"
	"strings"
	"time"
)

// Sendmail is what a sendmail.cf says ("Sendmail Installation and Operation Guide", section 5), as far as it matters here.
type Sendmail struct {
	// Filters are the X lines by name.
	Filters map[string]SendmailFilter
	// Daemons are the listeners, in order.
	Daemons []Daemon
	// Options has the other O lines by name, in lower case; the last one of a name holds, but those of PrivacyOptions
	// add up.
	Options map[string]string
	// Macros has the D lines by name, without braces.
	Macros map[string]string
	// Maps are the K lines by name: their class, options and file.
	Maps map[string]string
	// Mailers has the equates of the M lines by name and letter.
	Mailers map[string]map[string]string
}

// SendmailFilter is a milter.
type SendmailFilter struct {
	// Socket is S=, such as "inet:8894@127.0.0.1".
	Socket string
	// Flags is F=: T for 451, R for 550, 4 for 421 when it does not answer; "" lets mail pass.
	Flags string
	// Timeouts is T= by letter: C, S, R, E.
	Timeouts map[string]time.Duration
}

// Daemon is a listener.
type Daemon struct {
	Name, Port, Addr string
	// Filters are the names of its own filters; OwnFilters says that it has a list, which may be empty.
	Filters    []string
	OwnFilters bool
}

const privacyOptions = "privacyoptions"

// ParseSendmail reads a sendmail.cf or submit.cf. What it does not know it leaves out.
func ParseSendmail(cf string) *Sendmail {
	s := &Sendmail{Filters: map[string]SendmailFilter{}, Options: map[string]string{}, Macros: map[string]string{}, Maps: map[string]string{}, Mailers: map[string]map[string]string{}}
	for _, line := range cfLines(cf) {
		switch rest := line[1:]; line[0] {
		case 'X':
			name, equates := nameAndEquates(rest)
			s.Filters[name] = SendmailFilter{Socket: equates["s"], Flags: equates["f"], Timeouts: timeouts(equates["t"])}
		case 'M':
			name, equates := nameAndEquates(rest)
			s.Mailers[name] = equates
		case 'D':
			name, value := macroNameAndValue(rest)
			s.Macros[name] = value
		case 'K':
			name, value, _ := strings.Cut(rest, " ")
			s.Maps[name] = strings.TrimSpace(value)
		case 'O':
			name, value, found := nameAndValue(rest)
			if name = strings.ToLower(name); !found || !strings.HasPrefix(rest, " ") {
				continue // a single letter is the old form, which nobody writes any more
			}
			if name == "daemonportoptions" {
				s.Daemons = append(s.Daemons, parseDaemon(value))
				continue
			}
			if name == privacyOptions && s.Options[name] != "" {
				value = s.Options[name] + "," + value
			}
			s.Options[name] = value
		}
	}
	return s
}

// cfLines returns the logical lines: one that begins with white space continues the one before.
func cfLines(cf string) []string {
	var all []string
	for line := range strings.Lines(cf) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line == "" || line[0] == '#':
		case line[0] != ' ' && line[0] != '\t':
			all = append(all, line)
		case len(all) > 0:
			all[len(all)-1] += " " + strings.TrimSpace(line)
		}
	}
	return all
}

// nameAndEquates reads "name, K=value, Key=value". Keys are the first letter in lower case, as sendmail reads them.
func nameAndEquates(s string) (string, map[string]string) {
	name, rest, _ := strings.Cut(s, ",")
	equates := make(map[string]string)
	for field := range strings.SplitSeq(rest, ",") {
		key, value, found := nameAndValue(field)
		if key = strings.ToLower(key); found && key != "" {
			equates[key[:1]] = value
		}
	}
	return strings.TrimSpace(name), equates
}

func macroNameAndValue(s string) (name, value string) {
	if inner, found := strings.CutPrefix(s, "{"); found {
		name, value, _ = strings.Cut(inner, "}")
		return name, strings.TrimSpace(value)
	}
	if s == "" {
		return "", ""
	}
	return s[:1], strings.TrimSpace(s[1:])
}

func parseDaemon(value string) Daemon {
	var d Daemon
	for field := range strings.SplitSeq(value, ",") {
		key, v, _ := nameAndValue(field)
		switch key = strings.ToLower(key); {
		case key == "":
		case strings.HasPrefix(key, "n"):
			d.Name = v
		case strings.HasPrefix(key, "p"):
			d.Port = v
		case strings.HasPrefix(key, "a"):
			d.Addr = v
		case strings.HasPrefix(key, "i"):
			d.OwnFilters = true
			d.Filters = strings.FieldsFunc(v, func(r rune) bool { return r == ';' || r == ' ' })
		}
	}
	return d
}

// timeouts reads "C:10s;S:30s;R:60s;E:10m".
func timeouts(s string) map[string]time.Duration {
	all := map[string]time.Duration{"c": 5 * time.Minute, "s": 10 * time.Second, "r": 10 * time.Second, "e": 5 * time.Minute}
	for part := range strings.SplitSeq(s, ";") {
		key, value, found := strings.Cut(part, ":")
		if key = strings.ToLower(strings.TrimSpace(key)); found && len(key) == 1 {
			all[key] = sendmailDuration(strings.TrimSpace(value))
		}
	}
	return all
}

// sendmailDuration reads a time such as "1h30m"; a number without a unit is in seconds here.
func sendmailDuration(s string) time.Duration {
	var sum time.Duration
	start := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			sum += duration(s[start : i+1])
			start = i + 1
		}
	}
	return sum + duration(s[start:])
}

// filtersOf returns the names of the filters that a daemon asks.
func (s *Sendmail) filtersOf(d Daemon) []string {
	if d.OwnFilters {
		return d.Filters
	}
	return s.usualFilters()
}

// usualFilters returns the names of the filters that daemons without a list of their own ask.
func (s *Sendmail) usualFilters() []string {
	return strings.FieldsFunc(s.Options["inputmailfilters"], func(r rune) bool { return r == ',' || r == ';' || r == ' ' })
}

// isAt reports whether a daemon listens at host:port.
func (d Daemon) isAt(address string) bool {
	host, port, err := net.SplitHostPort(address)
	return err == nil && d.port() == port && loopbackName(d.Addr) == loopbackName(host)
}

// port is the number of the daemon's port, as far as it has one.
func (d Daemon) port() string {
	switch strings.ToLower(d.Port) {
	case "", "smtp":
		return "25"
	case "submission":
		return "587"
	case "smtps":
		return "465"
	default:
		return d.Port
	}
}

// sendmailSocket writes an address as S= has it.
func sendmailSocket(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	return "inet:" + port + "@" + host
}

// isSocket reports whether S= names a TCP address.
func isSocket(setting, address string) bool {
	rest, found := strings.CutPrefix(strings.ToLower(setting), "inet:")
	port, host, _ := strings.Cut(rest, "@")
	return found && sameTCP(net.JoinHostPort(host, port), address)
}

// QueueFolder returns the folder with sendmail's queue, or the one that has it and its like in it (QueueDirectory).
func (s *Sendmail) QueueFolder() string {
	folder := s.Options["queuedirectory"]
	if folder == "" {
		return "/var/spool/mqueue"
	}
	if strings.Contains(folder, "*") {
		return path.Dir(folder)
	}
	return folder
}

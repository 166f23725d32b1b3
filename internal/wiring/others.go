package wiring

import (
	"net"
	"path/filepath"
	"slices"
	"strings"

	"sealmilter/internal/config"
)

// OtherFilter is a filter of the mail server's that is not sealmilter.
type OtherFilter struct {
	// Text names it as the settings do.
	Text string
	// Network and Address are those of [net.Dial].
	Network, Address string
	// Passes says that mail goes on without it when it does not answer.
	Passes bool
}

// OtherFilters returns the filters that Postfix asks beside a sealmilter with the configuration c, each once.
func (p *Postfix) OtherFilters(c *config.Config) []OtherFilter {
	here := p.Endpoint(c.Listen)
	var all []OtherFilter
	for _, s := range p.Services {
		name := "smtpd_milters"
		switch s.Command {
		case "smtpd":
		case "cleanup":
			name = "non_smtpd_milters"
		default:
			continue
		}
		for _, f := range parseFilters(p.value(s, name)) {
			action, set := f.options["default_action"]
			if !set {
				action = p.value(s, "milter_default_action")
			}
			if network, address := p.dialled(f.endpoint); network != "" && !here.is(f.endpoint) {
				all = append(all, OtherFilter{f.endpoint, network, address, isAccept(action)})
			}
		}
	}
	return once(all)
}

// dialled returns where a filter listens, "" for what this host cannot dial by itself.
func (p *Postfix) dialled(endpoint string) (network, address string) {
	kind, rest, _ := strings.Cut(endpoint, ":")
	switch kind {
	case "inet":
		if _, _, err := net.SplitHostPort(rest); err == nil {
			return "tcp", rest
		}
	case "unix":
		if !filepath.IsAbs(rest) {
			rest = filepath.Join(p.Main["queue_directory"], rest)
		}
		return "unix", rest
	}
	return "", ""
}

// OtherFilters returns the filters that sendmail asks beside a sealmilter with the configuration c, each once.
func (s *Sendmail) OtherFilters(c *config.Config) []OtherFilter {
	var all []OtherFilter
	for name, f := range s.Filters {
		asked := slices.Contains(s.filtersOf(Daemon{}), name) ||
			slices.ContainsFunc(s.Daemons, func(d Daemon) bool { return slices.Contains(s.filtersOf(d), name) })
		if network, address := dialledBySendmail(f.Socket); asked && network != "" && address != c.Listen.Address && !isSocket(f.Socket, c.Listen.Address) {
			all = append(all, OtherFilter{name + " (" + f.Socket + ")", network, address, f.Flags == ""})
		}
	}
	slices.SortFunc(all, func(a, b OtherFilter) int { return strings.Compare(a.Text, b.Text) })
	return once(all)
}

func dialledBySendmail(socket string) (network, address string) {
	kind, rest, _ := strings.Cut(socket, ":")
	switch kind {
	case "inet", "inet6":
		port, host, found := strings.Cut(rest, "@")
		if found && host != "" {
			return "tcp", net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
	case "local", "unix":
		return "unix", rest
	}
	return "", ""
}

// once returns each filter once, by where it listens.
func once(all []OtherFilter) []OtherFilter {
	var each []OtherFilter
	for _, f := range all {
		if !slices.ContainsFunc(each, func(e OtherFilter) bool { return e.Network == f.Network && e.Address == f.Address }) {
			each = append(each, f)
		}
	}
	return each
}

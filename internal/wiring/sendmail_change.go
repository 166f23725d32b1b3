package wiring

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sealmilter/deploy/sendmail"
	"sealmilter/internal/config"
)

// The lines that hold what was added to an .mc file.
const (
	beginMC = "dnl # BEGIN sealmilter: \"sealmilter setup sendmail --undo\" takes these lines out.\n"
	endMC   = "dnl # END sealmilter\n"
)

// SendmailFiles are the texts of the two sources.
type SendmailFiles struct{ MC, Submit string }

// WireSendmail returns the sources with sealmilter's lines, as the configuration c has the addresses. Sources that have the
// lines already, in a block or put there by hand, come back unchanged. Errors wrap [ErrRefused].
func WireSendmail(files SendmailFiles, c *config.Config) (SendmailFiles, error) {
	if c.Listen.Network != "tcp" || !isIPv4(c.Listen.Address) || !isIPv4(c.Reinject) {
		return files, fmt.Errorf("sendmail finds sealmilter at an IPv4 address only; %w; set listen = \"inet:%s\" in the configuration", ErrRefused, sendmail.Listen)
	}
	wired := files
	rest, at := cutMC(files.MC)
	lines := sendmail.MC(c.Listen.Address, c.Reinject, sendmail.Submit)
	if !strings.Contains(rest, sendmailSocket(c.Listen.Address)) {
		if match := filterList.FindString(rest); match != "" {
			return files, fmt.Errorf("sendmail.mc has confINPUT_MAIL_FILTERS without sealmilter; %w; add sealmilter to that list, before filters that sign, and an INPUT_MAIL_FILTER line for it as in deploy/sendmail/sealmilter.mc", ErrRefused)
		}
		signers := signersIn(rest)
		if at < 0 {
			at = placeInMC(rest, signers)
		}
		if at < 0 {
			return files, fmt.Errorf("sendmail.mc has neither MAILER_DEFINITIONS nor MAILER; %w; is it the source of sendmail.cf?", ErrRefused)
		}
		if len(signers) > 0 {
			lines = strings.Replace(lines, "InputMailFilters=sealmilter", "InputMailFilters="+strings.Join(append([]string{"sealmilter"}, signers...), ";"), 1)
		}
		wired.MC = rest[:at] + blockMC(lines) + rest[at:]
	}
	rest, at = cutMC(files.Submit)
	if !strings.Contains(rest, "RELAY_MAILER_ARGS") {
		if at < 0 {
			at = beginOf(mspLine.FindStringIndex(rest))
		}
		if at < 0 {
			return files, fmt.Errorf("submit.mc has no FEATURE(`msp'); %w; is it the source of submit.cf?", ErrRefused)
		}
		wired.Submit = rest[:at] + blockMC(sendmail.SubmitMC(sendmail.Submit)) + rest[at:]
	}
	return wired, nil
}

// UnwireSendmail takes sealmilter's block out of a source.
func UnwireSendmail(mc string) string {
	rest, _ := cutMC(mc)
	return rest
}

var (
	filterList  = regexp.MustCompile("(?m)^define\\(`confINPUT_MAIL_FILTERS'")
	filterLine  = regexp.MustCompile("(?m)^(?:INPUT_)?MAIL_FILTER\\(`([^']*)',[^\n]*")
	mailersLine = regexp.MustCompile(`(?m)^(MAILER_DEFINITIONS|MAILER\()`)
	mspLine     = regexp.MustCompile("(?m)^FEATURE\\(`?msp")
)

func isIPv4(address string) bool {
	host, _ := cutLast(address, ":")
	return strings.Count(host, ".") == 3
}

// signersIn returns the names of the filters that sign what leaves.
func signersIn(mc string) []string {
	var names []string
	for _, m := range filterLine.FindAllStringSubmatch(mc, -1) {
		if signs(m[0]) && strings.HasPrefix(m[0], "INPUT_") {
			names = append(names, m[1])
		}
	}
	return names
}

// placeInMC returns where the block belongs: before the first filter that signs, for filters are asked in the order of
// their lines, or else before the mailers; -1 for nowhere.
func placeInMC(mc string, signers []string) int {
	for _, m := range filterLine.FindAllStringSubmatchIndex(mc, -1) {
		if slices.Contains(signers, mc[m[2]:m[3]]) {
			return m[0]
		}
	}
	return beginOf(mailersLine.FindStringIndex(mc))
}

func beginOf(match []int) int {
	if match == nil {
		return -1
	}
	return match[0]
}

// blockMC puts lines between marks, without the instructions at their begin.
func blockMC(lines string) string {
	if _, rest, found := strings.Cut(lines, "dnl #\n"); found {
		lines = rest
	}
	return beginMC + withEnd(lines) + endMC
}

// cutMC returns a source without sealmilter's block, and where that was, -1 if there is none.
func cutMC(mc string) (rest string, at int) {
	start := strings.Index(mc, beginMC)
	if start < 0 {
		return mc, -1
	}
	length := strings.Index(mc[start:], endMC)
	if length < 0 {
		return mc, -1
	}
	return mc[:start] + mc[start+length+len(endMC):], start
}

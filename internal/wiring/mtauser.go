package wiring

import (
	"fmt"
	"slices"

	"sealmilter/internal/config"
)

// mtaUser looks at whether sealmilter takes the user as whom the MTA's daemons run for an MTA. Over a socket it takes
// whoever may open that.
func (f *findings) mtaUser(topic, user string, c *config.Config) {
	if user == "" || c.Listen.Network != "tcp" || slices.Contains(c.MTAUsers, user) {
		return
	}
	f.error(topic, fmt.Sprintf("its daemons run as %s, and sealmilter refuses every user who is not in mta_users: all mail waits", user),
		fmt.Sprintf("add %q to mta_users in the configuration", user))
}

package scenario

import (
	"path/filepath"
	"strings"

	"sealmilter/internal/lab"
)

// DirectorySettings are the lines of a host's configuration by which it asks Keys and Names.
func (c *Cluster) DirectorySettings() string {
	const file = "authority.pem"
	return strings.Replace(c.world.directory.settings(), file, filepath.Join(c.world.dir, file), 1)
}

// Keys is the Web Key Directory of wkd.example and silent.example, which answer at first.
func (c *Cluster) Keys() *lab.WKDServer { return c.world.directory.keys }

// Names knows these domains. Others do not exist.
func (c *Cluster) Names() *lab.DNSServer { return c.world.directory.names }

package debian

import (
	"fmt"
	"strings"

	"sealmilter/deploy/bom"
)

// copyright returns the file that says who may do what with the package (Debian Policy, section 12.5). Own is the licence
// of the program's own sources, "" if they have none.
func copyright(own string, p *bom.Program) string {
	var b strings.Builder
	b.WriteString("sealmilter\n==========\n\n")
	if own == "" {
		own = "The sources say nothing about copying. Ask their authors before you hand this package on."
	}
	b.WriteString(strings.TrimSpace(own) + "\n\nThe program is linked statically with the modules below. sbom.cdx.json.gz beside this file has their versions and\n" +
		"checksums.\n")
	for _, m := range p.Modules {
		title := fmt.Sprintf("%s %s (%s)", m.Path, m.Version, m.Licence)
		fmt.Fprintf(&b, "\n\n%s\n%s\n", title, strings.Repeat("=", len(title)))
		for _, t := range m.Texts {
			text := strings.TrimSpace(strings.ToValidUTF8(t.Content, "?"))
			if bom.Identify(text) == "Apache-2.0" {
				// Policy wants the copy that every Debian has to be named.
				text = "Apache License, Version 2.0: /usr/share/common-licenses/Apache-2.0"
			}
			fmt.Fprintf(&b, "\n[%s]\n\n%s\n", t.Name, text)
		}
	}
	return b.String()
}

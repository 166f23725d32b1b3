package bom

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// The parts of a CycloneDX 1.6 document that are used here.
type (
	document struct {
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Timestamp string    `json:"timestamp,omitempty"`
		Component component `json:"component"`
	}
	component struct {
		Ref        string     `json:"bom-ref"`
		Type       string     `json:"type"`
		Name       string     `json:"name"`
		Version    string     `json:"version"`
		Hashes     []hash     `json:"hashes,omitempty"`
		Licences   []licence  `json:"licenses,omitempty"`
		PURL       string     `json:"purl,omitempty"`
		Properties []property `json:"properties,omitempty"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	licence struct {
		Licence struct {
			ID string `json:"id"`
		} `json:"license"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn,omitempty"`
	}
)

// CycloneDX writes the list of what the program is made of, in the JSON of CycloneDX 1.6. The same program gives the same
// octets. A module's hash is that of go.sum: of all its files, not of an archive.
func (p *Program) CycloneDX() ([]byte, error) {
	d := document{Format: "CycloneDX", Spec: "1.6", Version: 1, Components: []component{}}
	if !p.Time.IsZero() {
		d.Metadata.Timestamp = p.Time.UTC().Format(time.RFC3339)
	}
	main := component{Type: "application", Name: "sealmilter", Version: p.Version, Properties: []property{{"goarch", p.Arch}}}
	if p.Commit != "" {
		main.Properties = append(main.Properties, property{"commit", p.Commit})
	}
	main.Ref = main.Name + "@" + main.Version
	d.Metadata.Component = main
	all := dependency{Ref: main.Ref}
	for _, m := range p.Modules {
		c := component{Type: "library", Name: m.Path, Version: m.Version, PURL: purl(m)}
		c.Ref = c.PURL
		c.Licences = make([]licence, 1)
		c.Licences[0].Licence.ID = m.Licence
		if m.Sum != "" {
			sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
			if err != nil {
				return nil, fmt.Errorf("the checksum of %s: %w", m.Path, err)
			}
			c.Hashes = []hash{{"SHA-256", hex.EncodeToString(sum)}}
		}
		d.Components = append(d.Components, c)
		all.DependsOn = append(all.DependsOn, c.Ref)
	}
	d.Dependencies = []dependency{all}
	text, err := json.MarshalIndent(d, "", "  ")
	return append(text, '\n'), err
}

// purl is the package URL of a module (https://github.com/package-url/purl-spec).
func purl(m Module) string {
	parts := strings.Split(m.Path, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "pkg:golang/" + strings.Join(parts, "/") + "@" + url.QueryEscape(m.Version)
}

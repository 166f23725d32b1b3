package gate

import "sealmilter/internal/mail"

// maxGossip bounds the fields of one message in octets: about a hundred certificates on elliptic curves. Each copy has them
// all, so without a bound a message would grow with the square of its recipients.
const maxGossip = 64 << 10

// gossip returns an Autocrypt-Gossip field for each recipient in To and Cc whose copy is encrypted to a certificate
// that names the address, in the order of the header, if there are at least two of them besides the author. Only To and
// Cc and nothing that was looked up for another reason decides, so no other recipient can be named in a field.
func (g *Gate) gossip(h mail.Header, plan *Plan) mail.Header {
	chosen := make(map[string]Decision)
	for _, d := range plan.Decisions {
		key := d.To.Addr.Key()
		if _, seen := chosen[key]; !seen && d.Do == Encrypt && d.Cert != nil && key != plan.Author.Key() {
			chosen[key] = d
		}
	}
	var fields mail.Header
	size := 0
	for _, addr := range addressed(h) {
		d, known := chosen[addr.Key()]
		if !known {
			continue
		}
		delete(chosen, addr.Key())
		field, err := g.keyFields.get(gossipField, d.Cert, addr, g.Now())
		if err != nil {
			continue // the certificate does not name the address, or is too large for a field
		}
		if size += len(field.Name) + len(field.Value) + len(":\r\n"); size > maxGossip {
			break
		}
		fields = append(fields, field)
	}
	if len(fields) < 2 {
		return nil
	}
	return fields
}

// addressed returns the addresses in To and Cc as they are spelled there. Those that cannot be read are missing.
func addressed(h mail.Header) []mail.Addr {
	var all []mail.Addr
	for _, name := range []string{"To", "Cc"} {
		for _, f := range h.All(name) {
			list, err := parseList(f)
			if err != nil {
				continue
			}
			for _, entry := range list {
				if addr, err := parseSpec(entry.Address); err == nil {
					all = append(all, addr)
				}
			}
		}
	}
	return all
}

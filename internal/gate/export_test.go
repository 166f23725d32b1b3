package gate

// Rows returns every word that an [Observer] may get as the row of the policy's table.
func Rows() []string {
	all := make([]string, 0, verdicts)
	for v := range verdicts {
		all = append(all, v.String())
	}
	return all
}

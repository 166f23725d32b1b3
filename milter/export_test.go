package milter

// Held returns how many octets of the server's budget are taken.
func Held(s *Server) int64 {
	s.limits.budget.mu.Lock()
	defer s.limits.budget.mu.Unlock()
	return s.limits.budget.held
}

package keys

// Unlocked returns the number of secret keys in memory.
func Unlocked(s *Senders) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

package store

import (
	"context"
	"fmt"
)

// Claim takes a message into work, and reports whether it could: nobody else has it, be it in this process, in another one
// on this host or on another host. The caller ends the claim with ReleaseClaim. The end of the process ends it, too: for
// this host at once, for others after [claimLease].
func (s *Store) Claim(ctx context.Context, message string) (bool, error) {
	taken, err := s.host.take(message)
	if err != nil || !taken {
		return false, claimError(err)
	}
	if s.shared == nil {
		return true, nil
	}
	if taken, err = s.shared.take(ctx, message); err != nil || !taken {
		s.host.drop(message)
	}
	return taken, claimError(err)
}

// KeepClaim reports whether a claim still is the caller's. It may have been lost to another host while the database could
// not be reached.
func (s *Store) KeepClaim(ctx context.Context, message string) (bool, error) {
	if s.shared == nil {
		return true, nil
	}
	n, err := s.shared.renew(ctx, message)
	return n == 1, claimError(err)
}

// ReleaseClaim ends a claim. After an error, other hosts cannot have the message before the claim runs out.
func (s *Store) ReleaseClaim(ctx context.Context, message string) error {
	defer s.host.drop(message)
	if s.shared == nil {
		return nil
	}
	return claimError(s.shared.release(ctx, message))
}

func claimError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("claim a message: %w", explain(err))
}

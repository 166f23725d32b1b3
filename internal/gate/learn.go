package gate

import "sealmilter/internal/mail"

// Learner is told who has sent whom an encrypted message. [keys.Correspondence] is. It must not wait.
type Learner interface {
	SentEncrypted(author mail.Addr, readers []mail.Addr)
}

// learn tells what a message that has left shows of its author: the recipients whose certificate the author's program has
// encrypted to, or sealmilter in its stead. Mail that nobody has signed is not by its author, and may be a program's;
// of mail that a list server sends on, the author may be anybody who has written to the list, or somebody else who says
// to be them.
func (g *Gate) learn(plan *Plan) {
	if g.Learner == nil || plan.Author.IsNull() || plan.hearsay {
		return
	}
	var readers []mail.Addr
	for _, d := range plan.Decisions {
		sealed := d.Do == Encrypt && (plan.signer != nil || plan.generate)
		if sealed || d.verdict == alreadyTheirs && d.openPGP {
			readers = append(readers, d.To.Addr)
		}
	}
	if len(readers) > 0 {
		g.Learner.SentEncrypted(plan.Author, readers)
	}
}

package milter

import (
	"sync"

	"sealmilter/internal/mail"
)

// handover passes the edit of a handler on. A handler that was given up may make one when nobody waits for it any more.
type handover struct {
	mu    sync.Mutex
	edit  *mail.Edit
	taken bool
}

// give is called once.
func (h *handover) give(edit *mail.Edit) {
	h.mu.Lock()
	late := h.taken
	h.edit = edit
	h.mu.Unlock()
	if late {
		done(edit)
	}
}

// take is called once, and returns nil if there is no edit by then.
func (h *handover) take() *mail.Edit {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.taken = true
	return h.edit
}

// done lets go of an edit, if there is one.
func done(edit *mail.Edit) {
	if edit != nil && edit.Done != nil {
		edit.Done()
	}
}

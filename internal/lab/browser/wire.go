package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
)

// params are the parameters of a method.
type params map[string]any

// message is one of the protocol: a call, an answer or an event. Each ends with a NUL on the pipe.
type message struct {
	ID        int                       `json:"id,omitempty"`
	SessionID string                    `json:"sessionId,omitempty"`
	Method    string                    `json:"method,omitempty"`
	Params    json.RawMessage           `json:"params,omitempty"`
	Result    json.RawMessage           `json:"result,omitempty"`
	Error     *struct{ Message string } `json:"error,omitempty"`
}

// wire is a connection to a browser.
type wire struct {
	from, to *os.File

	mu      sync.Mutex
	last    int
	waiting map[int]chan message
	// seen are the events so far; happened is closed, and made anew, when there is another one.
	seen     []message
	happened chan struct{}
	ended    chan struct{}
}

func newWire(from, to *os.File) *wire {
	w := &wire{from: from, to: to, waiting: make(map[int]chan message), happened: make(chan struct{}), ended: make(chan struct{})}
	go w.read()
	return w
}

var errEnded = errors.New("the browser has ended")

func (w *wire) read() {
	defer close(w.ended)
	r := bufio.NewReader(w.from)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		w.mu.Lock()
		if answer := w.waiting[m.ID]; answer != nil {
			delete(w.waiting, m.ID)
			answer <- m
		} else {
			w.seen = append(w.seen, m)
			close(w.happened)
			w.happened = make(chan struct{})
		}
		w.mu.Unlock()
	}
}

// call calls a method and reads its result, unless that is nil.
func (w *wire) call(ctx context.Context, session, method string, p params, result any) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if p == nil {
		text = []byte("{}")
	}
	answer := make(chan message, 1)
	w.mu.Lock()
	w.last++
	whole, err := json.Marshal(message{ID: w.last, SessionID: session, Method: method, Params: text})
	if err == nil {
		w.waiting[w.last] = answer
		_, err = w.to.Write(append(whole, 0))
	}
	w.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-w.ended:
		return fmt.Errorf("%s: %w", method, errEnded)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// mark is where the events are now.
func (w *wire) mark() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen)
}

// await waits for an event after a mark.
func (w *wire) await(ctx context.Context, mark int, method string) error {
	for {
		w.mu.Lock()
		all, happened := w.seen[mark:], w.happened
		w.mu.Unlock()
		for _, m := range all {
			if m.Method == method {
				return nil
			}
		}
		select {
		case <-happened:
		case <-w.ended:
			return fmt.Errorf("wait for %s: %w", method, errEnded)
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", method, ctx.Err())
		}
	}
}

// events returns the parameters of all events of a kind so far.
func (w *wire) events(method string) (all []json.RawMessage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.seen {
		if m.Method == method {
			all = append(all, m.Params)
		}
	}
	return all
}

func (w *wire) close() {
	w.to.Close()
	w.from.Close()
}

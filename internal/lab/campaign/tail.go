package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// follow calls line with each line of a growing file, without its end, as soon as it is there. It returns nil when ctx
// ends and all lines up to then were seen.
func follow(ctx context.Context, path string, line func(string)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
	// As a file of the runtime's poller, reading it ends when it is closed.
	changes := os.NewFile(uintptr(watch), "inotify")
	defer changes.Close()
	if _, err := unix.InotifyAddWatch(watch, path, unix.IN_MODIFY); err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
	defer context.AfterFunc(ctx, func() { changes.Close() })()
	var begun []byte // a line whose end is not there yet
	part, events := make([]byte, 64<<10), make([]byte, 4<<10)
	for {
		n, _ := file.Read(part) // at the end of the file: nothing, and an error that will not last
		if n > 0 {
			begun = append(begun, part[:n]...)
			for {
				text, rest, found := bytes.Cut(begun, []byte("\n"))
				if !found {
					break
				}
				line(string(text))
				begun = rest
			}
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		if _, err := changes.Read(events); err != nil && !errors.Is(err, os.ErrClosed) {
			return fmt.Errorf("watch %s: %w", path, err)
		}
	}
}

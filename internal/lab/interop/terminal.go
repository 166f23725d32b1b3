package interop

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// answer is what somebody at a terminal types when a program has shown a prompt. The zero answer is for a program that
// asks nothing.
type answer struct{ prompt, types string }

// onTerminal runs a program that wants a person in front of it, on a terminal of its own that is large enough to cut
// nothing, and returns what it has shown, control sequences included.
func onTerminal(cmd *exec.Cmd, a answer) (screen string, err error) {
	ours, theirs, err := openTerminal()
	if err != nil {
		return "", fmt.Errorf("open a terminal: %w", err)
	}
	defer ours.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return "", err
	}
	var shown bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() {
		piece := make([]byte, 4096)
		for {
			n, err := ours.Read(piece)
			shown.Write(piece[:n])
			if a.types != "" && strings.Contains(shown.String(), a.prompt) {
				io.WriteString(ours, a.types) // what fails here is seen in what the program does
				a.types = ""
			}
			if err != nil { // EIO when the last program at the other end has closed it
				return
			}
		}
	})
	err = cmd.Wait()
	reading.Wait()
	return shown.String(), err
}

// openTerminal opens a pseudo-terminal (pty(7)) of 60 lines of 250 columns.
func openTerminal() (ours, theirs *os.File, err error) {
	ours, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := int(ours.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 60, Col: 250})
	}
	if err == nil {
		theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		ours.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

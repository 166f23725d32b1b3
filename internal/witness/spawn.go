package witness

import (
	"os"
	"os/exec"
	"syscall"
)

// The descriptors that a witness inherits beside the standard ones.
const (
	socketDescriptor = 3
	claimsDescriptor = 4
)

// Inherited returns what a process that was started by [Spawner] has from the milter, for [Attend].
func Inherited() (conn, claims *os.File) {
	return os.NewFile(socketDescriptor, "milter"), os.NewFile(claimsDescriptor, "claims")
}

// Spawner returns a function for [Options] that runs this very program with some arguments, in a process group of its
// own: what is typed at a terminal does not reach it.
func Spawner(args ...string) func(conn, claims *os.File) (Process, error) {
	return func(conn, claims *os.File) (Process, error) {
		program, err := thisProgram()
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(program, args...)
		cmd.Args[0] = os.Args[0]
		cmd.Stderr = os.Stderr
		cmd.ExtraFiles = []*os.File{conn, claims}
		// It has next to nothing to do, and its memory is the host's.
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=50")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		return &command{cmd}, nil
	}
}

// command is a process of Spawner.
type command struct{ cmd *exec.Cmd }

func (c *command) Kill() error { return c.cmd.Process.Kill() }
func (c *command) Wait() error { return c.cmd.Wait() }

// thisProgram returns the path of the file that this process runs. An update may have put another version in its place,
// which might not understand this one.
func thisProgram() (string, error) {
	const running = "/proc/self/exe"
	own, err := os.Stat(running)
	if err != nil {
		return os.Executable()
	}
	if path, err := os.Executable(); err == nil {
		if there, err := os.Stat(path); err == nil && os.SameFile(own, there) {
			return path, nil
		}
	}
	return running, nil
}

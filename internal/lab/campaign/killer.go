package campaign

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// strike is one kill as it is drawn: whom, and when.
type strike struct {
	target victim
	after  moment
	delay  time.Duration
}

// victim is a program that can be killed.
type victim string

const (
	milterProcess  victim = "milter"
	witnessProcess victim = "witness" // that stands by to record what a dead milter could not
	bothProcesses  victim = "milter-and-witness"
	frontListener  victim = "smtpd"
	copiesListener victim = "sealmilter/smtpd"
	queueWriter    victim = "cleanup"
)

// milterMoments are those that a kill of the milter follows.
var milterMoments = []moment{clientConnected, clientData, clientDot, clientAnswered, frontOpened, copyOpened, copyOpened, copyRead, copyRead,
	copyRead, messageRead, copyQueued, copyQueued, copyQueued, messageQueued, milterSpoke, delivered}

// when are the moments after which somebody is killed. For a process of Postfix they are those that tell which one has
// something in flight.
var when = map[victim][]moment{
	milterProcess:  milterMoments,
	witnessProcess: milterMoments,
	bothProcesses:  milterMoments,
	frontListener:  {frontOpened, messageRead, messageQueued},
	copiesListener: {copyOpened, copyRead, copyQueued},
	queueWriter:    {copyRead, messageRead, copyQueued, messageQueued},
}

// drawStrike draws a kill of the milter, of its witness or, seldom, of both at once.
func drawStrike(random *rand.Rand) strike {
	s := strike{target: milterProcess}
	switch n := random.IntN(100); {
	case n < 1:
		s.target = bothProcesses
	case n < 10:
		s.target = witnessProcess
	}
	s.after = when[s.target][random.IntN(len(when[s.target]))]
	if s.target != witnessProcess && chance(random, 50) {
		s.after = anyTime
	}
	s.delay = drawDelay(random)
	return s
}

// drawPostfixStrike draws a kill of one of Postfix's processes.
func drawPostfixStrike(random *rand.Rand) strike {
	var s strike
	switch n := random.IntN(100); {
	case n < 40:
		s.target = frontListener
	case n < 80:
		s.target = copiesListener
	default:
		s.target = queueWriter
	}
	s.after = when[s.target][random.IntN(len(when[s.target]))]
	s.delay = drawDelay(random)
	return s
}

// drawDelay draws how long after its moment somebody is killed. Short delays are as likely as long ones: much happens
// within a millisecond.
func drawDelay(random *rand.Rand) time.Duration {
	const longest = 0.05 // seconds
	if chance(random, 20) {
		return 0
	}
	return time.Duration(longest * math.Pow(10, -3*random.Float64()) * float64(time.Second))
}

// killer kills.
type killer struct {
	random  *rand.Rand
	site    *site
	daemon  *daemon
	moments *moments
	marks   *marks
	done    int
}

// run kills the milter, its witness or both so many times, or until ctx ends, and calls killed after each. Processes of
// Postfix are killed in between, which does not count.
func (k *killer) run(ctx context.Context, kills int, killed func()) error {
	for done := 0; done < kills && ctx.Err() == nil; {
		const postfix = 25 // of a hundred
		ours := !chance(k.random, postfix)
		s := drawPostfixStrike(k.random)
		if ours {
			s = drawStrike(k.random)
		}
		rest := time.Duration(k.random.IntN(1200)) * time.Millisecond
		struck, err := k.strike(ctx, s)
		if err != nil {
			return err
		}
		if struck && ours {
			done++
			killed()
		}
		if struck {
			pause(ctx, rest)
		}
	}
	return nil
}

// strike waits for the moment and kills, and reports whether there was somebody to kill.
func (k *killer) strike(ctx context.Context, s strike) (bool, error) {
	// Where nothing goes on, the kill need not wait.
	const longest = 3 * time.Second
	waiting, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	var met seen
	if s.after != anyTime {
		met, _ = k.moments.next(waiting, s.after)
		pause(ctx, s.delay)
	}
	switch s.target {
	case milterProcess, witnessProcess, bothProcesses:
		return k.strikeDaemon(ctx, s)
	}
	process := met.listener
	if s.target == queueWriter {
		process = met.cleanup
	}
	master, err := k.site.masterID()
	if err != nil {
		return false, err
	}
	if process == 0 || !isChild(process, master) {
		return false, nil
	}
	return true, k.kill(s, process, func() error {
		if err := syscall.Kill(process, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
			return fmt.Errorf("kill %s: %w", s.target, err)
		}
		for isChild(process, master) && pause(ctx, time.Millisecond) {
		}
		return nil
	})
}

// strikeDaemon kills the milter, its witness or both, and reports whether there was somebody to kill.
func (k *killer) strikeDaemon(ctx context.Context, s strike) (bool, error) {
	p := k.daemon.running()
	if p == nil {
		return false, nil
	}
	if s.target == bothProcesses && k.daemon.owes(p) {
		s.target = milterProcess
	}
	if s.target == milterProcess {
		return true, k.kill(s, p.PID(), p.Kill)
	}
	witness, err := witnessOf(p.PID())
	if err != nil || witness == 0 {
		return false, err
	}
	return true, k.kill(s, witness, func() error {
		if err := syscall.Kill(witness, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
			return fmt.Errorf("kill %s: %w", s.target, err)
		}
		if s.target == bothProcesses {
			return p.Kill()
		}
		// The milter is watched again when the next witness runs. Before that, a kill would be one of both.
		for isChild(witness, p.PID()) && pause(ctx, time.Millisecond) {
		}
		for next := 0; next == 0 && k.daemon.running() == p && pause(ctx, time.Millisecond); {
			if next, err = witnessOf(p.PID()); err != nil {
				return err
			}
		}
		return nil
	})
}

// witnessOf returns the process that stands by a milter, 0 if there is none.
func witnessOf(milter int) (int, error) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	for _, path := range lines {
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), "\x00witness\x00") {
			continue // it has ended, or is another one
		}
		process, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return 0, err
		}
		if isChild(process, milter) {
			return process, nil
		}
	}
	return 0, nil
}

// kill marks a kill in the log, before and after.
func (k *killer) kill(s strike, process int, work func() error) error {
	k.done++
	if err := k.marks.write("kill %d begins %s %d %s", k.done, s.target, process, s.aim()); err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	return k.marks.write("kill %d done %s %d %s", k.done, s.target, process, s.aim())
}

// aim says in words what a strike was aimed at.
func (s strike) aim() string {
	if s.after == anyTime {
		return "at any time"
	}
	return fmt.Sprintf("%v after %s", s.delay.Round(10*time.Microsecond), s.after)
}

// masterID returns the process of master(8).
func (s *site) masterID() (int, error) {
	text, err := os.ReadFile(filepath.Join(s.postfix.Folder(), "queue/pid/master.pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// copyListeners returns the processes behind the loopback listener.
func (s *site) copyListeners() ([]int, error) {
	master, err := s.masterID()
	if err != nil {
		return nil, err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", master))
	if err != nil {
		return nil, err
	}
	var all []int
	for child := range strings.FieldsSeq(string(children)) {
		line, err := os.ReadFile(filepath.Join("/proc", child, "cmdline"))
		if err != nil || !strings.Contains(string(line), s.reinject) {
			continue // it has ended, or is another one
		}
		process, err := strconv.Atoi(child)
		if err != nil {
			return nil, err
		}
		all = append(all, process)
	}
	return all, nil
}

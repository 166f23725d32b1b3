package split_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sealmilter/deploy/postfix"
	"sealmilter/deploy/postfix/split"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

// BenchmarkTopologies sends messages of 10 KB to 1, 5, 20 and 100 recipients with keys, through the fragments one
// folder up and through those here, by 8 sessions at a time, and waits until Postfix's queue is empty. What leaves is
// thrown away (discard(8)). Beside messages and copies per second it reports the processor time of Postfix and of
// sealmilter per message.
func BenchmarkTopologies(b *testing.B) {
	program := stock.Build(b)
	for _, recipients := range []int{1, 5, 20, 100} {
		for _, topology := range []string{"main", "split"} {
			b.Run(fmt.Sprintf("recipients=%d/%s", recipients, topology), func(b *testing.B) {
				benchmark(b, program, topology == "split", recipients)
			})
		}
	}
}

func benchmark(b *testing.B, program string, divided bool, recipients int) {
	w, inner := stock.NewWorld(b.Context(), b, program, false), labtest.Reserve(b)
	config := lab.PostfixConfig{Main: postfix.MainCF(w.Listen), Master: postfix.MasterCF(w.Listen, w.Reinject)}
	if divided {
		config.Main, config.Master = split.MainCF(w.Listen, inner), split.MasterCF(w.Listen, w.Reinject, inner)
	}
	config.Main = "default_transport = discard:\nrelayhost =\n" + config.Main
	p := labtest.StartPostfix(b.Context(), b, config)
	lines := "[keys.map]\n"
	var to []string
	for i := range recipients {
		to = append(to, fmt.Sprintf("u%d@load.example", i))
		lines += fmt.Sprintf("%q = \"bob@example.net\"\n", to[i])
	}
	labtest.Serve(b.Context(), b, w, "bench", lines)
	mta, sealer := masterOf(b, p), childNamed(b, "sealmilter")
	send(b, p, to, 8, 8) // processes start, and keys are remembered
	before := [2]float64{cpu(mta), cpu(sealer)}
	b.ResetTimer()
	send(b, p, to, b.N, 8)
	b.StopTimer()
	seconds, n := b.Elapsed().Seconds(), float64(b.N)
	b.ReportMetric(n/seconds, "msg/s")
	b.ReportMetric(n*float64(recipients)/seconds, "copies/s")
	b.ReportMetric(1000*(cpu(mta)-before[0])/n, "ms-postfix/msg")
	b.ReportMetric(1000*(cpu(sealer)-before[1])/n, "ms-sealmilter/msg")
}

// send submits so many messages by several sessions, and waits until all of them have left.
func send(b *testing.B, p *lab.Postfix, to []string, messages, sessions int) {
	text := strings.Repeat(strings.Repeat("0123456789", 7)+"\r\n", 140)
	next := make(chan int)
	var running sync.WaitGroup
	for range sessions {
		running.Go(func() {
			client, err := lab.Dial(b.Context(), p.Addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer client.Quit()
			for i := range next {
				message := fmt.Sprintf("From: alice@example.org\r\nTo: u0@load.example\r\nSubject: s\r\nMessage-ID: <%d.%d@client.example>\r\n\r\n%s", messages, i, text)
				_, last, err := client.Send("alice@example.org", to, []byte(message))
				if err != nil || last.Code != 250 {
					b.Errorf("%v: %v", last, err)
				}
			}
		})
	}
	for i := range messages {
		next <- i
	}
	close(next)
	running.Wait()
	if err := p.WaitEmpty(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// masterOf returns the process of master(8).
func masterOf(b *testing.B, p *lab.Postfix) int {
	queue, err := p.Command(context.Background(), "postconf", "-h", "queue_directory").Output()
	if err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(queue)), "pid", "master.pid"))
	if err != nil {
		b.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		b.Fatal(err)
	}
	return pid
}

// childNamed returns the child of this process that runs a program.
func childNamed(b *testing.B, program string) int {
	for pid, s := range processes() {
		if s.parent == os.Getpid() && s.name == program {
			return pid
		}
	}
	b.Fatalf("%s does not run", program)
	return 0
}

// cpu returns the seconds of processor time that a process and its children have used, ended ones included.
func cpu(pid int) float64 {
	all := processes()
	ticks := all[pid].ticks
	for _, s := range all {
		if s.parent == pid {
			ticks += s.ticks
		}
	}
	const perSecond = 100 // USER_HZ, on every architecture that Go runs on
	return float64(ticks) / perSecond
}

type processState struct {
	name   string
	parent int
	ticks  int // of its own and of the children that it has waited for
}

// processes reads /proc (proc(5)); a process that ends meanwhile is left out.
func processes() map[int]processState {
	all := map[int]processState{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		name, rest, found := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest) // from the state on, which is the third
		if err != nil || !found || len(fields) < 15 {
			continue
		}
		s := processState{name: name[strings.IndexByte(name, '(')+1:]}
		s.parent, _ = strconv.Atoi(fields[1])
		for _, ticks := range fields[11:15] {
			n, _ := strconv.Atoi(ticks)
			s.ticks += n
		}
		all[pid] = s
	}
	return all
}

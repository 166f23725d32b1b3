package doctor

import (
	"fmt"
	"syscall"

	"sealmilter/internal/shell"
	"sealmilter/internal/wiring"
)

// room is what a file system has left: octets for other users than root, and files.
type room struct {
	free, total        uint64
	freeFiles, maxFile uint64 // 0 of 0 where files are not counted
}

func roomAt(path string) (room, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return room{}, err
	}
	size := uint64(s.Bsize)
	return room{s.Bavail * size, s.Blocks * size, s.Ffree, s.Files}, nil
}

// space looks at what is left of the file system of a directory.
func (r *Report) space(topic, path string) {
	left, err := roomAt(path)
	if err != nil {
		r.fail("warning", topic, err, "run check as root")
		return
	}
	r.Findings([]wiring.Finding{left.finding(topic, path)})
}

// finding says whether there is enough.
func (l room) finding(topic, path string) wiring.Finding {
	const mib, short, low = 1 << 20, 64, 512
	files := l.freeFiles
	if l.maxFile == 0 {
		files = low * mib // as many as there is room for
	}
	f := wiring.Finding{State: wiring.OK, Topic: topic, Detail: fmt.Sprintf("there are %d MiB left for %s", l.free/mib, path)}
	switch {
	case l.free < short*mib || files < 100:
		f.State = wiring.Error
	case l.free < low*mib && l.free < l.total/10, files < 10_000 && files < l.maxFile/20:
		f.State = wiring.Warning
	default:
		return f
	}
	f.Detail = fmt.Sprintf("there are only %d MiB and %d files left for %s; when nothing is left, all mail is put off", l.free/mib, l.freeFiles, path)
	f.Mend = "df -h " + shell.Quote(path) + "; df -i " + shell.Quote(path) + "; make room there"
	return f
}

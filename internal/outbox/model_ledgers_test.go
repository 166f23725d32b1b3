package outbox_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sealmilter/internal/store"
)

// ledgers is the database of all histories, an SQLite file. Those that are done leave it open for the next.
type ledgers struct {
	folder string
	losses int
	idle   []*store.Store
	// safe is how much of the write-ahead log is on the disk, and begins its first octets, which change when SQLite
	// begins to write it anew.
	safe   int
	begins []byte
}

func newLedgers(t testing.TB) *ledgers {
	t.Helper()
	folder := t.TempDir()
	// Thousands of flushes take too long on a disk.
	if memory, err := os.MkdirTemp("/dev/shm", "ledger"); err == nil {
		t.Cleanup(func() { os.RemoveAll(memory) })
		folder = memory
	}
	l := &ledgers{folder: folder}
	if err := os.Mkdir(filepath.Dir(l.path()), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range l.idle {
			s.Close()
		}
	})
	return l
}

func (l *ledgers) path() string { return filepath.Join(l.folder, fmt.Sprint(l.losses), "ledger.db") }

func (l *ledgers) open(t testing.TB) *store.Store {
	t.Helper()
	if n := len(l.idle); n > 0 {
		s := l.idle[n-1]
		l.idle = l.idle[:n-1]
		return s
	}
	s, err := store.Open(t.Context(), l.path())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// walHeader is the length of the header of a write-ahead log, and frameHeader that of a frame
// (https://www.sqlite.org/fileformat2.html, section 4.1).
const walHeader, frameHeader = 32, 24

// note notes what a flush has brought to the disk.
func (l *ledgers) note() {
	l.safe, l.begins = 0, make([]byte, walHeader)
	wal, err := os.Open(l.path() + "-wal")
	if err != nil {
		return
	}
	defer wal.Close()
	if info, err := wal.Stat(); err == nil {
		if _, err := wal.ReadAt(l.begins, 0); err == nil {
			l.safe = int(info.Size())
		}
	}
}

// losePower makes a new database of what is on the disk: the database file, and of the log what was flushed, what SQLite
// itself has flushed before it moved it into the database, and a share of the rest.
func (l *ledgers) losePower(t testing.TB, share int) {
	t.Helper()
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return b
	}
	old := l.path()
	file, wal, index := read(old), read(old+"-wal"), read(old+"-shm")
	least := 0
	if len(wal) >= walHeader && bytes.Equal(wal[:walHeader], l.begins) {
		least = min(l.safe, len(wal))
	}
	if len(wal) >= walHeader && len(index) >= 100 {
		// nBackfill: as many frames are in the database (https://www.sqlite.org/walformat.html, section 2.1).
		moved, page := binary.NativeEndian.Uint32(index[96:]), binary.BigEndian.Uint32(wal[8:])
		least = max(least, min(len(wal), walHeader+int(moved)*(frameHeader+int(page))))
	}
	l.losses++
	if err := os.Mkdir(filepath.Dir(l.path()), 0o700); err != nil {
		t.Fatal(err)
	}
	wal = wal[:least+(len(wal)-least)*share/256]
	for suffix, b := range map[string][]byte{"": file, "-wal": wal} {
		if err := os.WriteFile(l.path()+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range l.idle {
		s.Close()
	}
	l.idle, l.safe, l.begins = nil, len(wal), wal[:min(len(wal), walHeader)]
	os.RemoveAll(filepath.Dir(old))
}

package event_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"sealmilter/internal/event"
	"sealmilter/internal/mail"
)

func addr(t *testing.T, s string) mail.Addr {
	t.Helper()
	a, err := mail.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestLinesAreAsTheOptionsSay(t *testing.T) {
	h := event.NewHider(secret, false)
	bob, alice := h.Person("bob@example.net"), h.Person("alice")
	for name, tc := range map[string]struct {
		options event.Options
		want    []string
		absent  []string
	}{
		"text":         {event.Options{}, []string{"time=", "level=WARN", `msg="the MTA refuses a copy"`, "event=copy.failed", "queue_id=Q1", "to=bob@example.net", "bob@example.net is unknown"}, []string{"<4>"}},
		"json":         {event.Options{JSON: true}, []string{`{"time":`, `"level":"WARN"`, `"event":"copy.failed"`, `"to":"bob@example.net"`, `"err":"bob@example.net is unknown to alice"`}, nil},
		"journal":      {event.Options{Journal: true}, []string{"<4>level=WARN msg="}, []string{"time="}},
		"journal json": {event.Options{Journal: true, JSON: true}, []string{`<4>{"level":"WARN",`}, []string{"time"}},
		"hidden":       {event.Options{Hide: h}, []string{"to=" + bob, `err="` + bob + " is unknown to "}, []string{"example.net"}},
		"hidden json":  {event.Options{Hide: h, JSON: true}, []string{`"to":"` + bob}, []string{"example.net"}},
		"hidden with":  {event.Options{Hide: h}, []string{"unknown to " + alice, "user=" + alice}, []string{"to alice"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log := event.NewLogger(&out, tc.options)
			if name == "hidden with" {
				log = log.With(event.User("alice"))
			}
			event.CopyFailed.Log(log, event.QueueID("Q1"), event.To(addr(t, "bob@example.net")), event.Err(errors.New("bob@example.net is unknown to alice")),
				slog.String("subject", "secret"), event.MessageID(""))
			if strings.Count(out.String(), "\n") != 1 || strings.Contains(out.String(), "subject") || strings.Contains(out.String(), "message_id") {
				t.Errorf("%s", out.String())
			}
			for _, want := range tc.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("without %s: %s", want, out.String())
				}
			}
			for _, absent := range tc.absent {
				if strings.Contains(out.String(), absent) {
					t.Errorf("with %s: %s", absent, out.String())
				}
			}
		})
	}
}

func TestWhatLibrariesLogHasANameAndNoAddress(t *testing.T) {
	var out bytes.Buffer
	log := event.NewLogger(&out, event.Options{Hide: event.NewHider(secret, false)})
	log.Warn("no bob@example.net", "a", []string{"carol@example.net"}, "b", errors.New("dan@example.net"), slog.Group("c", "d", "erin@example.net"))
	event.WebTrouble.Log(log)
	if _, err := event.Lines(log, event.WebTrouble).Write([]byte("http: panic of frank@example.net\n")); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "example.net") || !strings.Contains(out.String(), "event=other") ||
		strings.Count(out.String(), "event=web.trouble") != 2 || !strings.Contains(out.String(), `err="http: panic of ~`) {
		t.Error(out.String())
	}
}

func TestRecentIsBoundedAndHidden(t *testing.T) {
	recent := event.NewRecent(2)
	var out bytes.Buffer
	log := event.NewLogger(&out, event.Options{Level: slog.LevelError, Watch: recent.Add, Hide: event.NewHider(secret, false)})
	for _, id := range []string{"Q1", "Q2", "Q3"} {
		event.CopyEncrypted.Log(log.With(event.QueueID(id)), event.To(addr(t, "bob@example.net")))
		event.SealDone.Log(log, event.QueueID(id))
		event.CopyFailed.Log(log, event.QueueID(id+"f"))
	}
	event.CopyEncrypted.Log(log, event.QueueID("Q4"), event.To(addr(t, "bob@example.net")))
	var ids []string
	for _, l := range recent.Copies() {
		ids = append(ids, l.Attrs["queue_id"])
	}
	if !slices.Equal(ids, []string{"Q4", "Q3f"}) {
		t.Errorf("copies %v", ids)
	}
	if l := recent.Copies()[0]; l.Event != "copy.encrypted" || !strings.HasPrefix(l.Attrs["to"], "~") || l.Time.IsZero() {
		t.Errorf("%+v", l)
	}
	if out.Len() > 0 {
		t.Errorf("written though the level is higher: %s", out.String())
	}
}

func TestTheSecretIsMadeOnce(t *testing.T) {
	file := event.SecretFile(t.TempDir())
	if _, err := event.ReadSecret(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no file: %v", err)
	}
	first, err := event.EnsureSecret(file, strings.NewReader(strings.Repeat("a", 32)))
	if err != nil {
		t.Fatal(err)
	}
	again, err := event.EnsureSecret(file, strings.NewReader(strings.Repeat("b", 32)))
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("%x, then %x, %v", first, again, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(file, []byte("00\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := event.EnsureSecret(file, nil); err == nil {
		t.Error("half a secret is taken")
	}
}

func TestTheJournalIsKnownByItsStream(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if event.InJournal(f, "") || event.InJournal(f, "1:2") {
		t.Error("a file is taken for the journal")
	}
	var stat syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	if !event.InJournal(f, fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)) {
		t.Error("the journal's stream is not known")
	}
}

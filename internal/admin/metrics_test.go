package admin

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sealmilter/internal/gate"
	"sealmilter/internal/outbox"
	"sealmilter/keys"
	"sealmilter/milter"
)

func scrape(m *Metrics) string {
	r := httptest.NewRecorder()
	m.Handler().ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
	return r.Body.String()
}

var described = regexp.MustCompile(`fqName: "([^"]*)", help: "(?:[^"\\]|\\.)*", unit: "", constLabels: \{\}, variableLabels: \{([^}]*)\}`)

// declared returns the labels of each metric of the program.
func declared(t *testing.T, m *Metrics) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		for _, c := range m.all {
			c.Describe(descs)
		}
	}()
	for d := range descs {
		found := described.FindStringSubmatch(d.String())
		if found == nil {
			t.Errorf("cannot read %s", d)
			continue
		}
		labels := strings.FieldsFunc(found[2], func(r rune) bool { return r == ',' })
		slices.Sort(labels)
		all[found[1]] = labels
	}
	if len(all) < 40 {
		t.Errorf("only %d metrics are known", len(all))
	}
	return all
}

// TestMetricsPage compares the table of docs/monitoring.md with the program, in both directions.
func TestMetricsPage(t *testing.T) {
	m := newHost(t).metrics
	page, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(sealmilter_\\w+)` \\|([^|]*)\\|").FindAllStringSubmatch(string(page), -1) {
		labels := []string{}
		for _, l := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(row[2], -1) {
			labels = append(labels, l[1])
		}
		slices.Sort(labels)
		listed[row[1]] = labels
	}
	known := declared(t, m)
	for name, labels := range known {
		if got, ok := listed[name]; !ok || !slices.Equal(got, labels) {
			t.Errorf("docs/monitoring.md has %s with labels %q (listed: %t), want %q", name, got, ok, labels)
		}
	}
	for name := range listed {
		if _, ok := known[name]; !ok {
			t.Errorf("docs/monitoring.md has %s, which does not exist", name)
		}
	}
}

var (
	used    = regexp.MustCompile(`\b(sealmilter_\w+)(\{[^}]*\})?`)
	matched = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*\\?"`)
	grouped = regexp.MustCompile(`\b(?:by|without) ?\(([^)]*)\)`)
)

// TestMonitoringNamesWhatExists looks for each metric and label of dashboard and rules in the program.
func TestMonitoringNamesWhatExists(t *testing.T) {
	m := newHost(t).metrics
	known := declared(t, m)
	words := []string{"instance", "job", "le"} // labels of Prometheus itself
	for _, labels := range known {
		words = append(words, labels...)
	}
	for _, file := range []string{"dashboard.json", "rules.yml", "tests.yml"} {
		text, err := os.ReadFile(filepath.Join("../../deploy/monitoring", file))
		if err != nil {
			t.Fatal(err)
		}
		names := 0
		for _, found := range used.FindAllStringSubmatch(string(text), -1) {
			name := found[1]
			labels, ok := known[name]
			if !ok {
				base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
				if labels, ok = known[base]; !ok {
					t.Errorf("%s: there is no metric %s", file, name)
					continue
				}
			}
			names++
			for _, label := range matched.FindAllStringSubmatch(found[2], -1) {
				if !slices.Contains(labels, label[1]) && !slices.Contains([]string{"instance", "job", "le"}, label[1]) {
					t.Errorf("%s: %s has no label %s", file, name, label[1])
				}
			}
		}
		for _, by := range grouped.FindAllStringSubmatch(string(text), -1) {
			for _, label := range strings.Split(by[1], ",") {
				if label = strings.TrimSpace(label); !slices.Contains(words, label) {
					t.Errorf("%s: there is no label %s", file, label)
				}
			}
		}
		if names < 10 {
			t.Errorf("%s has %d metrics", file, names)
		}
	}
}

// TestMetricsNameNobody has everything counted that a daemon does, with keys of senders, and no address shows.
func TestMetricsNameNobody(t *testing.T) {
	h := newHost(t)
	m := h.metrics
	for n := range mostDaysLeft + 3 {
		if _, err := h.senders.Generate(t.Context(), parsed(t, fmt.Sprintf("sender%d@example.org", n)),
			keys.GenerateOptions{Lifetime: time.Duration(n+1) * 24 * time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	o := &KeyObserver{Log: slog.New(slog.DiscardHandler), Metrics: m}
	o.Asked("wkd", keys.Found, time.Second)
	o.Happened(keys.Event{Kind: keys.Conflicting, Address: "bob@example.net", Fingerprint: "AA", Old: "BB", Source: "wkd", Why: "bob@example.net"})
	m.Decided(gate.Encrypt, "key-found")
	m.Message(milter.Deferred, time.Second)
	m.Copied(outbox.Failed, time.Second)
	text := scrape(m)
	if strings.Contains(text, "@") || strings.Contains(text, "sender1") {
		t.Errorf("an address shows in\n%s", text)
	}
	if n := strings.Count(text, "\nsealmilter_sender_key_days_left{"); n != mostDaysLeft {
		t.Errorf("%d keys are shown one by one", n)
	}
	for _, want := range []string{
		`sealmilter_copies_total{decision="encrypt",why="key-found"} 1`, `sealmilter_messages_total{outcome="deferred"} 1`,
		`sealmilter_outbox_copies_total{result="failed"} 1`, `sealmilter_ready{check="reinject"} 0`, `sealmilter_ready{check="database_write"} 1`,
		`sealmilter_sender_keys{state="expiring"} 23`, "sealmilter_config_last_reload_successful 1", "sealmilter_witness_up 0",
		"sealmilter_in_flight_limit_bytes ", `sealmilter_connections_limit{kind="mail"} 1000`, "sealmilter_build_info{goversion=",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	m.NotInForce()
	if text := scrape(m); !strings.Contains(text, "sealmilter_config_last_reload_successful 0") ||
		!strings.Contains(text, `sealmilter_config_reloads_total{result="refused"} 1`) || !strings.Contains(text, `sealmilter_ready{check="configuration"} 0`) {
		t.Error("a refused configuration does not show")
	}
	lint(t, text)
}

// inDays are read by people who look at them without a dashboard, and stay in days.
var inDays = regexp.MustCompile(`sealmilter_(sender_key|recipient_certificate|archive_certificate)_days_left use base unit "seconds" instead of "days"\n?`)

// lint has Prometheus's own tool read a scrape.
func lint(t *testing.T, text string) {
	t.Helper()
	cmd := promtool(t, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	said, err := cmd.CombinedOutput()
	if rest := strings.TrimSpace(inDays.ReplaceAllString(string(said), "")); rest != "" {
		t.Errorf("promtool check metrics: %v\n%s", err, rest)
	}
}

// held is a part of the daemon that is slow to count.
type held struct{ begun, end chan struct{} }

func (h held) Describe(c chan<- *prometheus.Desc) {
	c <- prometheus.NewDesc("held", "It is slow.", nil, nil)
}

func (h held) Collect(chan<- prometheus.Metric) {
	h.begun <- struct{}{}
	<-h.end
}

// TestScrapesAreLimited has a user of the host ask again and again while the database is slow.
func TestScrapesAreLimited(t *testing.T) {
	m := NewMetrics("v1.2.3")
	slow := held{make(chan struct{}), make(chan struct{})}
	m.register(slow)
	pages := m.Handler()
	var asking sync.WaitGroup
	scrapes := func() int {
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Code
	}
	for range mostScrapes {
		asking.Go(func() {
			if code := scrapes(); code != 200 {
				t.Errorf("one of %d: %d", mostScrapes, code)
			}
		})
		<-slow.begun
	}
	late := make(chan int, 1)
	go func() { late <- scrapes() }()
	select {
	case code := <-late:
		if code != 503 {
			t.Errorf("one more: %d", code)
		}
	case <-slow.begun:
		t.Error("one more has the database work")
	}
	close(slow.end)
	asking.Wait()
}

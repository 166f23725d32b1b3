package postfix_test

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sealmilter/internal/lab/labtest"
)

// person is what no line of a log with hidden addresses has.
var person = regexp.MustCompile(`(?i)@|%40|\b(alice|bob|erin|eve|nokey|strict)\b|www-data`)

const private = "From: Alice <alice@example.org>\r\nTo: bob@example.net, erin@example.com\r\nSubject: a canary sings\r\nMessage-ID: <log@client.example>\r\n\r\nA canary in the text.\r\n"

// TestHiddenAddresses looks for addresses, names and content in all that a daemon says of good and of bad mail, and
// joins its lines with those of Postfix.
func TestHiddenAddresses(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), labtest.Patience)
	defer cancel()
	w := stock.NewWorld(ctx, t, stock.Build(t), false)
	milter := labtest.Serve(ctx, t, w, "log", `log = { format = "json", level = "debug", addresses = "hashed" }
keys.timeout = "1s"
policy.rule = [ { to = ["strict@*"], mode = "require" } ]
`)
	mta := labtest.StartPostfix(ctx, t, fragmentsFor(w))
	labtest.Said(t, "250")(labtest.Submit(ctx, t, mta.Addr, private, "bob@example.net", "erin@example.com"))
	for _, refused := range []struct{ login, from, to, text, reply string }{
		{"alice", "alice@example.org", "strict@example.com", private, ""},
		{"eve", "alice@example.org", "bob@example.net", private, "550"},
		{"eve", "eve@example.org", "bob@example.net", private, "550"}, // writes as alice
		{"nokey", "nokey@example.org", "bob@example.net", strings.Replace(private, "alice@", "nokey@", 1), "550"},
	} {
		client := labtest.Login(ctx, t, mta.Addr, refused.login)
		_, last, err := client.Send(refused.from, []string{refused.to}, []byte(refused.text))
		if err != nil || !strings.HasPrefix(last.String(), refused.reply) || last.Code < 400 {
			t.Errorf("%+v: %v, %v", refused, last, err)
		}
		client.Drop()
	}
	if err := mta.SendmailAs(ctx, "www-data", []byte(strings.ReplaceAll(private, "\r\n", "\n")), "-f", "eve@example.org", "bob@example.net"); err != nil {
		t.Fatal(err)
	}
	if err := milter.WaitLog(ctx, `"event":"message.returned"`); err != nil {
		t.Fatal(err)
	}
	labtest.WaitEmpty(ctx, t, mta)
	if err := milter.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	var tokens []string
	for line := range strings.Lines(milter.Log()) {
		var event map[string]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Errorf("%v: %s", err, line)
			continue
		}
		name, _ := event["event"].(string)
		seen[name]++
		if name == "" || name == "other" || person.MatchString(line) || strings.Contains(line, "canary") {
			t.Errorf("the log says %s", line)
		}
		if token, has := event["from"].(string); has && name == "copy.encrypted" {
			tokens = append(tokens, token)
		}
		if strings.HasPrefix(name, "copy.") && name != "copy.rejected" && name != "copy.failed" {
			id, _ := event["queue_id"].(string)
			if queued, _ := event["queued"].(string); queued != "" {
				id = queued[strings.LastIndexByte(queued, ' ')+1:]
			}
			if id == "" || !strings.Contains(mta.Log(), id+": ") {
				t.Errorf("Postfix does not know %q of %s", id, line)
			}
		}
	}
	for _, want := range []string{"serve.started", "copy.encrypted", "copy.signed", "copy.sent", "copy.rejected", "seal.started", "seal.done",
		"message.refused", "message.returned", "serve.draining", "serve.stopped"} {
		if seen[want] == 0 {
			t.Errorf("there is no %s: %v", want, seen)
		}
	}
	if slices.Sort(tokens); len(tokens) == 0 || len(slices.Compact(tokens)) != 1 || !strings.HasPrefix(tokens[0], "~") {
		t.Errorf("alice is %v", tokens)
	}
}

package gate_test

import (
	"math/rand/v2"
	"mime"
	"slices"
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// trial is one random configuration, with one random message to random recipients.
type trial struct {
	*rand.Rand
	world    *world
	cast     *cast
	clients  clientMessages
	subject  string
	asked    config.Mode  // that of the strictest request, "" for none
	badField bool         // the field asks for what cannot be understood
	fields   []string     // From, requests and others
	login    string       // and envelope sender, where no other one is named
	sender   string       // MAIL FROM
	to, bcc  []string     // who is named, and who is not
	came     *clientCopy  // what a client has encrypted; nil for clear text
	sentOn   bool         // by a list server
	spoiled  bool         // the archive cannot be used
	archive  *crypto.Cert // nil for none
	left     []mailed     // what has left for recipients
	modes    map[string]config.Mode
	known    map[string]keys.Status // as far as it is believed, at RCPT TO or later: the most that is known
	mutated  bool
}

// mailed is one copy in one mailbox.
type mailed struct{ to, text string }

func pick[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

func (x *trial) chance(percent int) bool { return x.IntN(100) < percent }

func (x *trial) mode() config.Mode {
	return pick(x.Rand, config.Require, config.Prefer, config.Prefer, config.Prefer, config.Prefer, config.Prefer, config.Sign, config.Pass)
}

// configure makes up the configuration.
func (x *trial) configure(t *testing.T) {
	w := newSplit(t)
	x.world = w
	c := w.Config
	clear(w.signers)
	for _, name := range []string{"alice@example.org", "relay@example.org"} {
		var err error
		if w.signers[name], err = x.cast.secrets[name].Signer(w.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if x.chance(30) {
		delete(w.signers, "relay@example.org")
	}
	clear(w.answers)
	for _, name := range everybody {
		w.answers[name] = x.answer(name)
	}
	c.Policy = config.Policy{Mode: x.mode(), Together: x.chance(30), AlreadyEncrypted: pick(x.Rand, config.PassEncrypted, config.EncryptOnceMore)}
	if x.chance(20) {
		w.answers["alice@example.org"] = keys.Answer{Status: keys.Found, Cert: x.cast.secrets["alice@example.org"].Cert(), Level: keys.KnownKey}
	}
	for range x.IntN(3) {
		c.Policy.Rules = append(c.Policy.Rules, config.Rule{To: pattern(t, pick(x.Rand, everybody...)), Mode: x.mode(), Together: x.chance(40),
			Firm: x.chance(40), MinLevel: pick(x.Rand, "", "", "fingerprint")})
	}
	c.Policy.Request.Less = x.chance(50)
	if x.chance(70) {
		c.Policy.Request.Header = "X-Sealmilter"
	}
	if x.chance(70) {
		c.Policy.Request.Subject = map[string]config.Mode{"[encrypt]": config.Require, "[plain]": config.Pass, "[sign]": config.Sign}
	}
	c.Crypto.Share, c.Crypto.EncryptToSelf, c.Crypto.AllSubkeys = x.chance(50), x.chance(50), x.chance(50)
	c.Crypto.AttachKey = pick(x.Rand, config.AttachNever, config.AttachSigned, config.AttachAlways, config.AttachUntilEncrypted)
	c.Headers.Gossip, c.Headers.Autocrypt, c.Headers.OpenPGP = x.chance(80), x.chance(80), x.chance(50)
	w.Composer.Confidentiality, w.Composer.LegacyDisplay = pgpmime.Confidentiality(x.IntN(3)), x.chance(50)
	c.Headers.Confidentiality = []config.Confidentiality{config.Shy, config.Baseline, config.NoConfidentiality}[x.IntN(3)]
	if x.chance(40) {
		c.Crypto.ArchiveCertificate = "/archive.asc"
		if x.spoiled = x.chance(40); !x.spoiled {
			x.archive = x.cast.secrets["archive@example.org"].Cert()
			w.Archive = x.archive
		}
	}
	c.Senders.MissingKey = pick(x.Rand, config.RejectSender, config.GenerateKey, config.EncryptOnly)
	c.Senders.Logins["lists"] = pattern(t, "*")
	if x.chance(60) {
		c.Senders.SiteKeys = []config.SiteKey{{From: append(pattern(t, "ci@example.org"), pattern(t, "bounces@lists.example.org")...), Key: addr(t, "relay@example.org")}}
	}
}

// answer is what the key directory says of a recipient today.
func (x *trial) answer(name string) keys.Answer {
	if x.chance(25) {
		return pick(x.Rand, keys.Answer{Status: keys.None, Why: "it is gone"}, keys.Answer{SeenBefore: x.chance(50), Why: "no answer"})
	}
	switch {
	case slices.Contains(keyed, name):
		return keys.Answer{Status: keys.Found, Cert: x.cast.secrets[name].Cert(), Source: "local", SeenBefore: true, Level: pick(x.Rand, keys.KnownKey, keys.Fingerprint)}
	case name == "gone@example.net":
		return keys.Answer{SeenBefore: true, Why: "no answer"}
	case name == "odd@example.net":
		return keys.Answer{Why: "no answer"}
	default:
		return keys.Answer{Status: keys.None, Why: "no source has a key"}
	}
}

// write makes up the message.
func (x *trial) write() {
	c := x.world.Config
	x.login, x.sender = "alice@example.org", "alice@example.org"
	from := "alice@example.org"
	switch x.IntN(8) {
	case 0:
		from, x.login, x.sender = "ci@example.org", "ci@example.org", "ci@example.org"
	case 1:
		x.sentOn, x.login, x.sender = true, "lists", "bounces@lists.example.org"
		x.fields = append(x.fields, "List-Id: <talk.lists.example.org>")
	}
	x.fields = append(x.fields, "From: "+from)
	whom := everybody
	if x.chance(50) {
		whom = keyed
	}
	for _, at := range x.Perm(len(whom))[:1+x.IntN(min(4, len(whom)))] {
		if name := whom[at]; x.chance(60) {
			x.to = append(x.to, name)
		} else {
			x.bcc = append(x.bcc, name)
		}
	}
	if len(x.to) > 0 {
		x.fields = append(x.fields, "To: "+strings.Join(x.to, ", "))
	}
	if len(x.bcc) > 0 {
		x.fields = append(x.fields, pick(x.Rand, "Bcc", "X-Envelope-To", "X-Rcpt-To", "X-Spamd-Result")+": "+strings.Join(x.bcc, ", "))
	}
	x.subject = "secret subject"
	if x.chance(30) {
		x.came = pick(x.Rand, x.clients...)
		x.subject = "[...]"
	}
	if c.Policy.Request.Subject != nil && x.chance(60) {
		tag := pick(x.Rand, "[encrypt]", "[plain]", "[sign]")
		x.ask(c.Policy.Request.Subject[tag])
		x.subject = pick(x.Rand, tag+" "+x.subject, x.subject+" "+tag, "=?utf-8?q?"+tag+"?= "+x.subject, tag[:3]+"=?utf-8?q?"+tag[3:]+"?= "+x.subject,
			strings.ToUpper(tag)+"\r\n "+x.subject)
		if x.chance(30) {
			x.fields = append(x.fields, "Thread-Topic: "+tag+" "+x.subject)
		}
	}
	if c.Policy.Request.Header != "" && x.chance(40) {
		word := pick(x.Rand, "require", "Prefer", "sign", "pass", "pass", "encrypted")
		if x.badField = word == "encrypted"; !x.badField {
			x.ask(config.Mode(strings.ToLower(word)))
		}
		x.fields = append(x.fields, "X-Sealmilter: "+word)
	}
	if x.sentOn {
		x.asked, x.badField = "", false
	}
	x.fields = append(x.fields, "Subject: "+x.subject, "Message-ID: <1@client.example>", "Date: Thu, 26 Nov 2026 06:38:19 +0000")
}

func strictest(modes ...config.Mode) (most config.Mode) {
	order := []config.Mode{"", config.Pass, config.Sign, config.Prefer, config.Require}
	for _, m := range modes {
		if slices.Index(order, m) > slices.Index(order, most) {
			most = m
		}
	}
	return most
}

func (x *trial) ask(mode config.Mode) { x.asked = strictest(x.asked, mode) }

// judge notes what the policy says of each recipient, and whether a key is known. At RCPT TO nobody looks for one where the
// policy wants none.
func (x *trial) judge(atRcpt bool) {
	p := x.world.Config.Policy
	if atRcpt {
		x.modes, x.known = map[string]config.Mode{}, map[string]keys.Status{}
	}
	for _, name := range append(slices.Clone(x.to), x.bcc...) {
		mode, firm, level := p.Mode, false, ""
		for _, r := range p.Rules {
			if r.To[0].String() == name {
				mode, firm, level = r.Mode, r.Firm, r.MinLevel
				break
			}
		}
		looked := !atRcpt || mode == config.Require || mode == config.Prefer
		if x.asked != "" && (strictest(mode, x.asked) == x.asked || p.Request.Less && !firm) {
			mode = x.asked
		}
		x.modes[name] = mode
		a := x.world.answers[name]
		if a.Status == keys.Found && (!looked || level != "" && a.Level < keys.Fingerprint) {
			a.Status = keys.None
		}
		if x.known[name] != keys.Found {
			x.known[name] = a.Status
		}
	}
}

// keptTogether reports whether the message leaves encrypted to all or to nobody.
func (x *trial) keptTogether() bool {
	p := x.world.Config.Policy
	for _, name := range append(slices.Clone(x.to), x.bcc...) {
		at := slices.IndexFunc(p.Rules, func(r config.Rule) bool { return r.To[0].String() == name })
		if at >= 0 && p.Rules[at].Together {
			return true
		}
	}
	return p.Together
}

// message is the message as a client hands it in at each try.
func (x *trial) message(t *testing.T) *mail.Message {
	m := &mail.Message{Envelope: &mail.Envelope{Login: x.login, Sender: addr(t, x.sender), RawSender: "<" + x.sender + ">", QueueID: "4Q"}}
	m.Header, m.Body = mail.SplitMessage([]byte(strings.Join(x.fields, "\r\n") + "\r\n\r\n" + secretText + "\r\n"))
	if x.came != nil {
		for _, f := range x.came.header {
			if strings.HasPrefix(f.Name, "Content-") || f.Is("MIME-Version") {
				m.Header = append(m.Header, f)
			}
		}
		m.Body = []byte(x.came.body)
	}
	return m
}

// try hands the message in once, by one listener or by two, and collects what leaves.
func (x *trial) try(t *testing.T, split bool) {
	w := x.world
	m := x.message(t)
	if split {
		m.Envelope.Daemon = mail.DaemonFront
	}
	before := len(w.queue)
	tx, err := w.Begin(t.Context(), m.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	x.judge(true)
	for _, s := range append(slices.Clone(x.to), x.bcc...) {
		r := mail.Recipient{Addr: addr(t, s), Raw: "<" + s + ">"}
		if err := tx.Rcpt(t.Context(), m.Envelope, r); err == nil {
			m.Envelope.Recipients = append(m.Envelope.Recipients, r)
		}
	}
	if len(m.Envelope.Recipients) == 0 {
		return
	}
	if x.chance(35) {
		x.shuffle()
	}
	x.judge(false)
	accepted := slices.Clone(m.Envelope.Recipients)
	edit, err := tx.Message(t.Context(), m)
	switch {
	case err != nil:
	case !split:
		x.inPlace(t, m, edit, accepted)
	default:
		if got := text(t, edit); strings.Contains(got, secretText) || strings.Contains(got, "secret subject") || x.tells(got) {
			t.Errorf("the mail server's queue has\n%s", got)
		}
		if x.chance(20) {
			x.shuffle()
			x.judge(false)
		}
		for _, r := range accepted {
			inner := carried(t, edit)
			sealed, err := w.submit(t, inner, nil, r.Addr.String())
			if err == nil {
				x.inPlace(t, inner, sealed, []mail.Recipient{r})
			}
		}
	}
	for _, d := range w.queue[before:] {
		if d.from != "" {
			x.left = append(x.left, mailed{d.to, d.text})
		} else if x.tells(d.text) || strings.Contains(d.text, "secret") {
			t.Errorf("a notice has\n%s", d.text)
		}
	}
}

// shuffle has the key directory say something else.
func (x *trial) shuffle() {
	x.mutated = true
	for _, name := range everybody {
		if x.chance(40) {
			x.world.answers[name] = x.answer(name)
		}
	}
}

func (x *trial) inPlace(t *testing.T, m *mail.Message, edit *mail.Edit, all []mail.Recipient) {
	if edit.Discard {
		return
	}
	got := text(t, edit)
	if edit.Body == nil {
		got += "\r\n" + string(m.Body)
	}
	for _, r := range all {
		if !slices.ContainsFunc(edit.Delete, func(d mail.Recipient) bool { return d.Raw == r.Raw }) {
			x.left = append(x.left, mailed{r.Addr.String(), got})
		}
	}
}

// tells reports whether a text has a request in it that was taken out.
func (x *trial) tells(text string) bool {
	text = strings.ToLower(text)
	if decoded, err := new(mime.WordDecoder).DecodeHeader(text); err == nil {
		text = decoded
	}
	r := x.world.Config.Policy.Request
	if x.sentOn || x.badField {
		return false
	}
	for tag := range r.Subject {
		if strings.Contains(text, tag) {
			return true
		}
	}
	return r.Header != "" && strings.Contains(text, "x-sealmilter:")
}

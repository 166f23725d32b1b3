package event

import (
	"log/slog"
	"math"
	"net/netip"
	"strings"
	"time"

	"sealmilter/internal/mail"
)

// Attribute is something that events tell.
type Attribute struct{ Name, Means string }

// The names of all attributes.
const (
	queueID     = "queue_id"
	frontID     = "front_queue_id"
	messageID   = "message_id"
	from        = "from"
	to          = "to"
	login       = "login"
	user        = "user"
	mtaUser     = "mta_user"
	author      = "author"
	signer      = "signer"
	noticeTo    = "notice_to"
	recipients  = "recipients"
	address     = "address"
	addresses   = "addresses"
	decision    = "decision"
	mode        = "mode"
	rule        = "rule"
	why         = "why"
	reply       = "reply"
	key         = "key"
	old         = "old"
	source      = "source"
	sources     = "sources"
	trust       = "trust"
	changed     = "changed"
	seconds     = "seconds"
	sealSeconds = "seal_seconds"
	count       = "count"
	errText     = "err"
	queued      = "queued"
	stack       = "stack"
	mta         = "mta"
	client      = "client"
	listen      = "listen"
	reinject    = "reinject"
	program     = "version"
	file        = "file"
	limit       = "limit"
	missed      = "missed"
	pause       = "pause"
	expires     = "expires"
	until       = "until"
	days        = "days"
	recorded    = "recorded"
	session     = "session"
	browser     = "browser"
	settings    = "settings"
)

// Attributes returns what the attributes of events mean.
func Attributes() []Attribute {
	return []Attribute{
		{queueID, "the mail server's queue ID of the message that the milter got; the same as in the mail server's log"},
		{frontID, "where the mail server splits messages: the queue ID at the front listener"},
		{messageID, "the Message-ID, which all copies of a message share"},
		{from, "the envelope sender, empty for the null sender"},
		{to, "the recipient"},
		{login, "who has logged in at the mail server"},
		{user, "the local user who submits the message without a login, or whose program was refused"},
		{mtaUser, "the local user that the mail server runs as"},
		{author, "the mailbox in the From field"},
		{signer, "the address whose key signs"},
		{noticeTo, "who gets the notice about what is not delivered"},
		{recipients, "recipients that get nothing"},
		{address, "the address that a certificate is for"},
		{addresses, "the addresses that a key is for"},
		{decision, "encrypt, sign (clear text), pass (untouched), reject or defer"},
		{mode, "the policy mode that was applied"},
		{rule, "the number of the `[[policy.rule]]` that applies, from 1 on; 0 if none covers the recipient"},
		{why, "the reason, in words"},
		{reply, "what the client is told: code, enhanced code and sentence"},
		{key, "the fingerprint of the certificate or key"},
		{old, "the fingerprint of the certificate that was in use before"},
		{source, "the key source that vouches for the certificate"},
		{sources, "what each key source said"},
		{trust, "how far the certificate is believed, one of the levels of trust"},
		{changed, "whether there was something new"},
		{seconds, "how long it took, or may take"},
		{sealSeconds, "how long signing and encrypting took of that"},
		{count, "how many"},
		{errText, "the error"},
		{queued, "the mail server's answer to the copy, with its new queue ID; the copy without an answer is the message itself, with `queue_id`"},
		{stack, "where in the program it happened"},
		{mta, "the address of the mail server's side of the milter connection"},
		{client, "the address of the client"},
		{listen, "the address that is listened at"},
		{reinject, "the mail server's listener for copies"},
		{program, "the version of the program"},
		{file, "the file"},
		{limit, "the limit that was reached"},
		{missed, "how many such events were left out since the last one"},
		{pause, "how many seconds later it is tried again"},
		{expires, "when the key expires, or did"},
		{until, "until when it is valid now"},
		{days, "in how many days it expires"},
		{recorded, "whether the copies are on record as sent"},
		{session, "which session of the status page; it opens nothing"},
		{browser, "the address of the browser's connection, or of the proxy's"},
		{settings, "settings of the configuration"},
	}
}

// Person is an address, a login or the name of a local user.
type Person string

// LogValue implements [slog.LogValuer].
func (p Person) LogValue() slog.Value { return slog.StringValue(string(p)) }

// People are several of them.
type People []string

// LogValue implements [slog.LogValuer].
func (p People) LogValue() slog.Value { return slog.StringValue(strings.Join(p, " ")) }

// Fingerprint names a certificate. Key servers tell whose it is.
type Fingerprint string

// LogValue implements [slog.LogValuer].
func (f Fingerprint) LogValue() slog.Value { return slog.StringValue(string(f)) }

// longestID is in octets.
const longestID = 250

// frames are a stack, which has no texts in it but those of the program.
type frames string

// LogValue implements [slog.LogValuer].
func (f frames) LogValue() slog.Value { return slog.StringValue(string(f)) }

// queueName is a queue ID, in which nothing is hidden though it may look like a key ID: it leads to the mail server's log.
type queueName string

// LogValue implements [slog.LogValuer].
func (q queueName) LogValue() slog.Value { return slog.StringValue(string(q)) }

// word is one of a few that the program has for something, and that scripts look for: it stays as it is, though an address may
// begin like it.
type word string

// LogValue implements [slog.LogValuer].
func (w word) LogValue() slog.Value { return slog.StringValue(string(w)) }

// Identifier is a Message-ID, in which some programs write an address.
type Identifier string

// LogValue implements [slog.LogValuer].
func (i Identifier) LogValue() slog.Value { return slog.StringValue(string(i)) }

// The functions below make one attribute each; [Attributes] says what they mean. Empty texts are left out of an event.

// QueueID names the message in the mail server's log.
func QueueID(id string) slog.Attr      { return slog.Any(queueID, queueName(id)) }
func FrontQueueID(id string) slog.Attr { return slog.Any(frontID, queueName(id)) }

// MessageID shortens what is too long to be one (RFC 5322, section 2.1.1, limits its line).
func MessageID(id string) slog.Attr {
	id = strings.TrimSpace(id)
	return slog.Any(messageID, Identifier(id[:min(len(id), longestID)]))
}

func From(a mail.Addr) slog.Attr        { return slog.Any(from, Person(a.String())) }
func To(a mail.Addr) slog.Attr          { return slog.Any(to, Person(a.String())) }
func Login(name string) slog.Attr       { return slog.Any(login, Person(name)) }
func User(name string) slog.Attr        { return slog.Any(user, Person(name)) }
func MTAUser(name string) slog.Attr     { return slog.String(mtaUser, name) }
func Author(a mail.Addr) slog.Attr      { return slog.Any(author, Person(a.String())) }
func Signer(a mail.Addr) slog.Attr      { return slog.Any(signer, Person(a.String())) }
func NoticeTo(a mail.Addr) slog.Attr    { return slog.Any(noticeTo, Person(a.String())) }
func Recipients(all []string) slog.Attr { return slog.Any(recipients, People(all)) }
func Address(a string) slog.Attr        { return slog.Any(address, Person(a)) }
func Addresses(all []string) slog.Attr  { return slog.Any(addresses, People(all)) }
func Decision(action string) slog.Attr  { return slog.Any(decision, word(action)) }
func Mode(m string) slog.Attr           { return slog.Any(mode, word(m)) }
func Rule(number int) slog.Attr         { return slog.Int(rule, number) }
func Why(text string) slog.Attr         { return slog.String(why, strings.TrimSpace(text)) }
func Reply(text string) slog.Attr       { return slog.String(reply, text) }
func Key(fingerprint string) slog.Attr  { return slog.Any(key, Fingerprint(fingerprint)) }
func Old(fingerprint string) slog.Attr  { return slog.Any(old, Fingerprint(fingerprint)) }
func Source(name string) slog.Attr      { return slog.Any(source, word(name)) }
func Sources(summary string) slog.Attr  { return slog.String(sources, summary) }
func Trust(level string) slog.Attr      { return slog.Any(trust, word(level)) }
func Changed(yes bool) slog.Attr        { return slog.Bool(changed, yes) }
func Seconds(d time.Duration) slog.Attr { return slog.Float64(seconds, inSeconds(d)) }
func Sealed(d time.Duration) slog.Attr  { return slog.Float64(sealSeconds, inSeconds(d)) }
func Count(n int64) slog.Attr           { return slog.Int64(count, n) }
func Queued(reply string) slog.Attr     { return slog.String(queued, reply) }
func Stack(text string) slog.Attr       { return slog.Any(stack, frames(text)) }
func MTA(address string) slog.Attr      { return slog.String(mta, address) }
func Client(a netip.Addr) slog.Attr     { return slog.Any(client, a) }
func Listen(address string) slog.Attr   { return slog.String(listen, address) }
func Reinject(address string) slog.Attr { return slog.String(reinject, address) }
func Version(text string) slog.Attr     { return slog.String(program, text) }
func File(name string) slog.Attr        { return slog.String(file, name) }
func Limit(n int64) slog.Attr           { return slog.Int64(limit, n) }
func Missed(n int64) slog.Attr          { return slog.Int64(missed, n) }
func Pause(d time.Duration) slog.Attr   { return slog.Float64(pause, inSeconds(d)) }
func Expires(t time.Time) slog.Attr     { return slog.Time(expires, t) }
func Until(t time.Time) slog.Attr       { return slog.Time(until, t) }
func Days(n int) slog.Attr              { return slog.Int(days, n) }
func Recorded(yes bool) slog.Attr       { return slog.Bool(recorded, yes) }
func Settings(names string) slog.Attr   { return slog.String(settings, names) }

// Err is left out if it is nil.
func Err(e error) slog.Attr { return slog.Any(errText, e) }

// inSeconds is exact to the microsecond.
func inSeconds(d time.Duration) float64 { return math.Round(d.Seconds()*1e6) / 1e6 }

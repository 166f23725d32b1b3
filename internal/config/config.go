package config

import (
	"log/slog"
	"net/netip"
	"time"

	"sealmilter/internal/mail"
)

// Config is a whole and valid configuration. Nobody changes it once it is loaded.
type Config struct {
	// Listen is where the MTA finds the milter.
	Listen Listen
	// Reinject is host:port of the MTA's loopback listener without the milter.
	Reinject string
	// State is the directory of the database and the secret keys.
	State string
	// Database is empty: the built-in SQLite database in State.
	Database string
	// Admin is host:port of the health checks, "" for none.
	Admin string

	Policy  Policy
	Senders Senders
	Keys    Keys
	Crypto  Crypto
	Headers Headers
	Limits  Limits
	Log     Log
}

// Listen is a network and an address as [net.Listen] takes them: "tcp" or "unix".
type Listen struct {
	Network, Address string
}

// String returns the form the configuration file has, which is the one Postfix uses, too.
func (l Listen) String() string {
	if l.Network == "tcp" {
		return "inet:" + l.Address
	}
	return l.Network + ":" + l.Address
}

// Policy says how mail may leave.
type Policy struct {
	// Mode is that of mail which no rule covers.
	Mode Mode
	// Rules are in the order of the file: the first that matches wins.
	Rules []Rule
}

// Mode is a policy mode. The zero Mode is none of them, and no mail leaves by it.
type Mode string

// The modes, the strictest first.
const (
	Require Mode = "require" // encrypted or not at all
	Prefer  Mode = "prefer"  // encrypted where a key is known, else signed
	Sign    Mode = "sign"    // signed clear text
	Pass    Mode = "pass"    // untouched
)

// Rule sets the mode of some mail.
type Rule struct {
	// From and To select mail by sender and recipient; an empty list selects any.
	From, To []mail.Pattern
	Mode     Mode
}

// Senders says who may send, and by whose key it is signed.
type Senders struct {
	// Trust has the clients that may send without a login.
	Trust []netip.Prefix
	// MissingKey says what becomes of mail whose sender has no secret key.
	MissingKey MissingKey
	// PassphraseFile holds the passphrase of the secret keys; "" for none.
	PassphraseFile string
	// KeyLifetime is how long generated keys are valid.
	KeyLifetime time.Duration
	// Logins has the addresses that a login may use. A login that is not in it may use itself, if it is an address.
	Logins map[string][]mail.Pattern
}

// MissingKey is what to do for a sender without a secret key. The zero value is none of the choices, and nothing
// leaves by it.
type MissingKey string

// The choices for senders without a secret key.
const (
	RejectSender MissingKey = "reject"       // send nothing
	GenerateKey  MissingKey = "generate"     // make a key on first use
	EncryptOnly  MissingKey = "encrypt-only" // encrypt without a signature, send nothing in clear text
)

// Keys says where recipients' certificates come from.
type Keys struct {
	// Sources are in the order of trust.
	Sources []string
	// Timeout ends a lookup.
	Timeout time.Duration
}

// Crypto is about the OpenPGP messages.
type Crypto struct {
	// Share lets copies have a session key in common; see the package crypto.
	Share bool
}

// Headers is about header fields.
type Headers struct {
	// Strip names the fields that no copy keeps. Bcc is never kept.
	Strip []string
}

// Limits bounds the use of memory.
type Limits struct {
	// Message is the largest message and InFlight the sum of all messages in work, in octets.
	Message, InFlight int64
	// Recipients is the largest number of recipients of one message.
	Recipients int
}

// Log says what is logged and how.
type Log struct {
	// Format is "text" or "json".
	Format string
	Level  slog.Level
}

// Default returns what holds for every key that the file does not set.
func Default() *Config {
	return &Config{
		Listen:   Listen{Network: "tcp", Address: "127.0.0.1:8894"},
		Reinject: "127.0.0.1:10026",
		State:    "/var/lib/sealmilter",
		Admin:    "127.0.0.1:8895",
		Policy:   Policy{Mode: Prefer},
		Senders: Senders{
			Trust:       []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
			MissingKey:  RejectSender,
			KeyLifetime: 3 * 365 * 24 * time.Hour,
		},
		Keys:    Keys{Sources: []string{"local"}, Timeout: 8 * time.Second},
		Crypto:  Crypto{Share: true},
		Headers: Headers{Strip: []string{"User-Agent", "X-Mailer", "X-Originating-IP"}},
		Limits:  Limits{Message: 50 << 20, InFlight: 512 << 20, Recipients: 10000},
		Log:     Log{Format: "text", Level: slog.LevelInfo},
	}
}

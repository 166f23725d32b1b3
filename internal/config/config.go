package config

import (
	"log/slog"
	"net/netip"
	"time"

	"sealmilter/internal/mail"
)

// Config is a whole and valid configuration. Nobody changes it once it is loaded.
type Config struct {
	// Changed is when the file was changed last that this was read from; the zero time if there was none.
	Changed time.Time
	// Listen is where the MTA finds the milter.
	Listen Listen
	// Reinject is host:port of the MTA's loopback listener without the milter.
	Reinject string
	// MTAUsers are the local users that the MTA's daemons run as. No other user of this host may speak as an MTA over TCP.
	MTAUsers []string
	// State is the directory of the database and the secret keys.
	State string
	// Database is the URL of a PostgreSQL database, or empty: the built-in SQLite database in State.
	Database string
	// Admin is host:port of the health checks, metrics and the status page, or a Unix socket after "unix:"; "" for none.
	Admin string

	Policy  Policy
	Senders Senders
	Keys    Keys
	Publish Publish
	Crypto  Crypto
	Headers Headers
	Limits  Limits
	Log     Log
	Status  Status
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
	// Aliases are the recipients that the MTA of a split replaces by others before they are decided about.
	Aliases []mail.Pattern
	// Together refuses a message whole if some of its recipients would get it encrypted and others not.
	Together bool
	// AlreadyEncrypted says what becomes, in mode prefer, of a message that came encrypted, but not to this recipient.
	AlreadyEncrypted AlreadyEncrypted
	// Request lets authors ask for a mode for one message.
	Request Request
}

// AlreadyEncrypted is what to do with a message that is encrypted to others. The zero value is none of the choices, and
// nothing leaves by it.
type AlreadyEncrypted string

// The choices for messages that are encrypted to others.
const (
	PassEncrypted   AlreadyEncrypted = "pass"    // leave them as they are
	EncryptOnceMore AlreadyEncrypted = "encrypt" // encrypt the whole message where a key is known
)

// Request is how the author of a message asks for a mode.
type Request struct {
	// Header is the name of a field whose value is a mode; "" for none.
	Header string
	// Subject has texts that ask for a mode where they stand in the Subject.
	Subject map[string]Mode
	// Less lets authors ask for a mode that is less strict than the policy's.
	Less bool
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
	// MinLevel is how far a recipient's certificate must be believed at least, one of [Levels]; "" for any. One that
	// is believed less counts as no key.
	MinLevel string
	// Together is that of [Policy], for messages with a recipient of this rule.
	Together bool
	// Firm keeps authors from asking for a less strict mode.
	Firm bool
}

// Levels are the names of the levels of trust, the lowest first.
var Levels = []string{"weak-chain", "provider-trust", "provider-endorsement", "third-party-endorsement",
	"third-party-consensus", "historically-auditing", "known-key", "fingerprint"}

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
	// Extend is how long a generated key that nears its end is valid from then on; 0 lets it expire.
	Extend time.Duration
	// Secrets says where secret keys are kept.
	Secrets Secrets
	// Submitter is the user as whom sendmail's command hands in what waits in its queue and what root sends; "" for none.
	// The command is believed whose message it is.
	Submitter string
	// Logins has the addresses that a login or a local user may use. A login that is not in it may use itself, if it is an
	// address, and a local user the own name at the MTA's host.
	Logins map[string][]mail.Pattern
	// SiteKeys are in the order of the file: the first that matches wins.
	SiteKeys []SiteKey
}

// SiteKey names the key that signs for authors who have none, such as programs.
type SiteKey struct {
	// From selects the authors.
	From []mail.Pattern
	// Key is the address whose secret key signs.
	Key mail.Addr
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

// Secrets is a place for secret keys. The zero value is none.
type Secrets string

// The places for secret keys.
const (
	SecretFiles    Secrets = "files"    // in files in the state directory
	SecretDatabase Secrets = "database" // in the database, locked with the passphrase
)

// Keys says where recipients' certificates come from.
type Keys struct {
	// Sources are in the order of trust.
	Sources []string
	// Timeout ends a lookup.
	Timeout time.Duration
	// Fresh is how long a certificate from elsewhere is used before its source is asked again, Absent how long "no key"
	// counts, and Retry how long a source that did not answer is left alone.
	Fresh, Absent, Retry time.Duration
	// Refresh is how often the certificates in use are asked about in the background.
	Refresh time.Duration
	// Resolver is the DNS resolver: an IP address with or without a port, perhaps after "tls://"; "" is the first one of
	// the system.
	Resolver string
	// Private has the networks that are not public and may be asked all the same.
	Private []netip.Prefix
	// CAFile has certificates of authorities beside those of the system; "" for none.
	CAFile string
	// Map leads from addresses, as [mail.Addr.Key], or "@domain" to the address or "@domain" under which the key is found.
	Map map[string]string
	// SMIME is a folder with X.509 certificates of recipients, "" for none. Nothing is encrypted to them: they tell whether
	// a message that came encrypted by S/MIME is meant for a recipient.
	SMIME string

	WKD  WKD
	VKS  Keyserver
	HKP  Keyserver
	LDAP LDAP
}

// WKD is about Web Key Directories.
type WKD struct {
	// Port is where they listen.
	Port int
}

// Keyserver is a key server.
type Keyserver struct {
	// Server is its URL.
	Server string
}

// LDAP is a directory with OpenPGP certificates.
type LDAP struct {
	// Server is its URL, ldaps://host or ldap://host.
	Server string
	// Base is the entry under which the certificates are.
	Base string
	// User and PasswordFile are for the login; "" for none.
	User, PasswordFile string
	// Filter selects entries; each %s in it stands for the address. Attribute holds the certificate. "" is what
	// GnuPG's schema has.
	Filter, Attribute string
}

// Publish says where the senders' certificates can be had.
type Publish struct {
	// Listen is host:port of the Web Key Directory that the daemon serves, "" for none.
	Listen string
}

// Crypto is about the OpenPGP messages.
type Crypto struct {
	// Share lets copies have a session key in common; see the package crypto.
	Share bool
	// AllSubkeys encrypts to every valid encryption subkey of a certificate, not just the newest.
	AllSubkeys bool
	// EncryptToSelf makes every encrypted copy readable to its author.
	EncryptToSelf bool
	// ArchiveCertificate is a file with a certificate to which every copy is encrypted, too; "" for none.
	ArchiveCertificate string
	// AttachKey says which copies have the author's certificate attached.
	AttachKey AttachKey
}

// AttachKey is when the author's certificate is attached to a copy. The zero value is none of the choices and means never.
type AttachKey string

// The choices for the author's certificate.
const (
	AttachNever  AttachKey = "never"
	AttachSigned AttachKey = "signed" // to copies in clear text
	AttachAlways AttachKey = "always"
	// AttachUntilEncrypted attaches it until the recipient has sent the author an encrypted message.
	AttachUntilEncrypted AttachKey = "until-encrypted"
)

// Headers is about header fields.
type Headers struct {
	// Strip names the fields that no copy keeps. Bcc is never kept.
	Strip []string
	// Confidentiality says what of the header an encrypted copy hides.
	Confidentiality Confidentiality
	// LegacyDisplay repeats the hidden fields in the text of encrypted copies.
	LegacyDisplay bool
	// Autocrypt adds the author's certificate as an Autocrypt field, and PreferEncrypt the wish for encrypted answers to it.
	Autocrypt, PreferEncrypt bool
	// Gossip adds Autocrypt-Gossip fields to encrypted copies for several visible recipients.
	Gossip bool
	// OpenPGP adds an OpenPGP field, and OpenPGPURL is the template of where it says that the certificate can be had; ""
	// for no such place.
	OpenPGP    bool
	OpenPGPURL string
}

// Confidentiality is a header confidentiality policy (RFC 9788, section 3.2). The zero value is none of the choices, and
// means the one that hides most.
type Confidentiality string

// The header confidentiality policies.
const (
	Baseline          Confidentiality = "baseline"
	Shy               Confidentiality = "shy"
	NoConfidentiality Confidentiality = "none"
)

// Limits bounds the use of memory and time.
type Limits struct {
	// Message is the largest message and InFlight the sum of all messages in work, in octets.
	Message, InFlight int64
	// Recipients is the largest number of recipients of one message.
	Recipients int
	// Connections is the largest number of connections of MTAs at a time.
	Connections int
	// Duration is how long one message may take from the first octet of its content to the answer.
	Duration time.Duration
}

// Log says what is logged and how.
type Log struct {
	// Format is "text" or "json".
	Format string
	Level  slog.Level
	// Addresses says how the log has addresses, logins, fingerprints and Message-IDs.
	Addresses LogAddresses
}

// LogAddresses is how the log has addresses. The zero value is none of the choices, and hides them.
type LogAddresses string

// The choices for addresses in the log.
const (
	PlainAddresses  LogAddresses = "plain"
	HashedAddresses LogAddresses = "hashed" // tokens in their place
	HashedLocals    LogAddresses = "domain" // tokens that leave the domain readable
)

// Status is about the status page on the admin listener.
type Status struct {
	// TokenFile holds the token that opens it; "" for none. Without one it is served on a Unix socket only.
	TokenFile string
	// Hosts are names under which browsers and monitoring reach the admin listener, beside IP addresses, "localhost"
	// and the host of Admin.
	Hosts []string
}

// Default returns what holds for every key that the file does not set.
func Default() *Config {
	return &Config{
		Listen:   Listen{Network: "tcp", Address: "127.0.0.1:8894"},
		Reinject: "127.0.0.1:10026",
		MTAUsers: []string{"root", "postfix", "smmta"},
		State:    "/var/lib/sealmilter",
		Admin:    "127.0.0.1:8895",
		Policy:   Policy{Mode: Prefer, AlreadyEncrypted: PassEncrypted},
		Senders: Senders{
			Trust:       []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
			MissingKey:  RejectSender,
			KeyLifetime: 3 * 365 * 24 * time.Hour,
			Extend:      365 * 24 * time.Hour,
			Secrets:     SecretFiles,
			Submitter:   "smmsp",
		},
		Keys: Keys{
			Sources: []string{"local", "wkd"},
			Timeout: 8 * time.Second,
			Fresh:   24 * time.Hour,
			Absent:  time.Hour,
			Retry:   time.Minute,
			Refresh: 24 * time.Hour,
			WKD:     WKD{Port: 443},
			VKS:     Keyserver{Server: "https://keys.openpgp.org"},
		},
		Crypto: Crypto{Share: true, AllSubkeys: true, AttachKey: AttachNever},
		Headers: Headers{Strip: []string{"User-Agent", "X-Mailer", "X-Originating-IP"}, Confidentiality: Baseline,
			Autocrypt: true, Gossip: true, OpenPGP: true},
		Limits: Limits{Message: 50 << 20, InFlight: 512 << 20, Recipients: maxRecipients, Connections: 1000,
			Duration: 9 * time.Minute},
		Log: Log{Format: "text", Level: slog.LevelInfo, Addresses: PlainAddresses},
	}
}

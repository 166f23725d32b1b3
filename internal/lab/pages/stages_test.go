package pages

// stage is what a page expects of the host on which it is followed.
type stage struct {
	// packages are those of the host; nil stands for postfixHost.
	packages []string
	// mail tells that the mail server has to run.
	mail bool
	// bare is a host on which sealmilter is not installed yet. Elsewhere it is, and has a passphrase.
	bare bool
	// directory gives it key directories to ask: see startDirectory.
	directory bool
	// configured tells that the examples in TOML are the configuration of the host, each until the next one.
	configured bool
	// before is what the reader of the page has done already, or is an example that the page takes for given.
	before string
	// between has, for a command of the page, what happens in the world before it is typed.
	between map[string]string
}

// stages has the pages that expect more than an installed program. The command "key" makes a key elsewhere.
var stages = map[string]stage{
	"README.md": {mail: true, before: `key /root/elsewhere bob@example.net >recipients.asc`},
	"docs/filters.md": {mail: true, before: `
cat deploy/postfix/main.cf >>/etc/postfix/main.cf
sed -i '/^pickup/d' /etc/postfix/master.cf && cat deploy/postfix/split/master.cf deploy/postfix/master.cf >>/etc/postfix/master.cf`},
	"docs/check.md":     {mail: true, before: wired},
	"docs/discovery.md": {before: `key /root/elsewhere bob@example.net | sealmilter keys import -`},
	"docs/troubleshooting.md": {mail: true, before: `
sealmilter setup postfix >/dev/null; sealmilter keys generate alice@example.org
key /root/elsewhere bob@example.net | sealmilter keys import -`},
	"docs/operations.md": {mail: true, before: wired},
	"docs/upgrade.md":    {mail: true, before: wired},
	"docs/monitoring.md": {mail: true, before: wired},
	"docs/events.md": {mail: true, before: `
sealmilter setup postfix >/dev/null
printf '[log]\naddresses = "hashed"\n' >>/etc/sealmilter/sealmilter.toml
systemctl restart sealmilter`},
	"docs/status.md":   {mail: true, before: `sealmilter setup postfix >/dev/null`},
	"docs/packages.md": {mail: true, before: `mkdir -p /etc/bash_completion.d /usr/local/share/man`},
	"docs/cookbook.md": {configured: true, before: `
for a in alice boss assistant relay newsletter; do sealmilter keys generate $a@example.org; done
sealmilter keys generate lists@example.org
key /root/elsewhere bob@example.net >bob.asc
key /root/elsewhere source@example.com >source.asc
key /root/archive archive@example.org >/etc/sealmilter/archive.asc
mkdir -p -m 0700 /var/lib/zeyple/keys && key /root/elsewhere dora@example.net | gpg --quiet --homedir /var/lib/zeyple/keys --import
sealmilter keys import bob.asc source.asc
useradd nagios
mkdir /etc/sealmilter/smime
openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -out /etc/sealmilter/smime/partner.pem -days 365 -set_serial 0x44CF2CF8E993710960CA0E6A00989F9DD734730B -subj /CN=partner -addext subjectAltName=email:partner@smime.example -addext extendedKeyUsage=emailProtection`},
	"docs/quickstart-postfix.md":  {mail: true, bare: true, before: `key /root/elsewhere bob@example.net >bob.asc`, between: hasLeft},
	"docs/quickstart-sendmail.md": {packages: sendmailHost, mail: true, bare: true, before: `key /root/elsewhere bob@example.net >bob.asc`, between: hasLeft},
	"docs/setup.md": {mail: true, bare: true, between: map[string]string{
		"install -m 0755 bin/sealmilter /usr/local/bin/": `
if id sealmilter >/dev/null 2>&1; then # by hand, on a host without it
	sealmilter setup postfix --undo && userdel sealmilter && rm -r /etc/sealmilter /var/lib/sealmilter
fi`,
		"sealmilter setup postfix --undo --dry-run": `rm /etc/systemd/system/sealmilter.service; sealmilter setup postfix`,
	}},
	"docs/keys.md": {directory: true, before: `mkdir -p /srv/wkd/example.net && key /root/elsewhere bob@example.net >/srv/wkd/example.net/bob`,
		between: map[string]string{"sealmilter keys lookup bob@example.net": `
sealmilter keys import /srv/wkd/example.net/bob >/dev/null
sed 's/^:-/-/' /root/elsewhere/openpgp-revocs.d/*.rev | sealmilter keys import - >/dev/null
sed -i 's/^sources = .*/sources = ["local"]/' /etc/sealmilter/sealmilter.toml`}},
	"docs/trust.md": {directory: true, before: `
mkdir -p /srv/wkd/example.net /srv/wkd/bank.example
key /root/elsewhere bob@example.net >/srv/wkd/example.net/bob
key /root/other bob@example.net >/root/other.asc
key /root/elsewhere erin@example.net >/srv/wkd/example.net/erin
key /root/elsewhere carol@bank.example >/srv/wkd/bank.example/carol
sealmilter setup postfix >/dev/null
sealmilter keys generate alice@example.org
printf 'From: alice@example.org\nTo: bob@example.net, erin@example.net\n\nHello\n' | sendmail -f alice@example.org bob@example.net erin@example.net
timeout 20 sh -c 'until sealmilter keys list | grep -q "erin@example.net[*]"; do sleep 0.2; done' || { cat /run/log-sealmilter; sealmilter keys list; exit 1; }
cp /root/other.asc /srv/wkd/example.net/bob
sealmilter keys refresh bob@example.net
export GNUPGHOME=/root/elsewhere
erin=$(gpg --batch --with-colons --list-keys erin@example.net | awk -F: '/^fpr/ {print $10; exit}')
sed 's/^:-/-/' $GNUPGHOME/openpgp-revocs.d/$erin.rev | gpg --batch --import 2>/dev/null
gpg --batch --export --armor $erin >/srv/vks/$erin`,
		mail: true, between: map[string]string{
			"sealmilter explain --from alice@example.org --to carol@bank.example": `
printf '[[policy.rule]]\nto = ["@bank.example"]\nmode = "require"\nmin_level = "known-key"\n' >>/etc/sealmilter/sealmilter.toml`}},
	"docs/archive.md": {between: map[string]string{
		"gpg --export --armor archive@example.org > archive.asc                          # bring this here": `key /root/.gnupg archive@example.org >/dev/null`,
		"chmod 0644 /etc/sealmilter/archive.asc":                                                            `cp archive.asc /etc/sealmilter/`,
	}},
	"docs/senders.md": {before: `
sealmilter setup postfix >/dev/null
mkdir -p /var/www && mkdir -p -m 0700 /home/alice/.gnupg && key /home/alice/.gnupg alice@example.org >/dev/null`,
		mail: true, between: map[string]string{
			"cp -p /etc/sealmilter/passphrase /etc/sealmilter/passphrase.old": `sealmilter keys remove --secret 6594CB36C5F773EF847511A87D2BD884D1E19E90`}},
}

// wired is a host on which sealmilter works, and a sender has a key.
const wired = `sealmilter setup postfix >/dev/null; sealmilter keys generate alice@example.org`

// hasLeft waits until the message of a quickstart has been decided about.
var hasLeft = map[string]string{
	"journalctl -u sealmilter -o cat -g 'event=copy.*to=bob'": `timeout 60 sh -c 'until grep -q event=copy.signed /run/log-sealmilter; do sleep 0.1; done'`,
}

// exception is a command that ends in another way than with status 0, or that cannot be run.
type exception struct {
	page    string // "" stands for every page
	command string // its text, or with "*" at the end how it begins
	status  int    // how it ends; 0 for a command that is only read, not run
	data    bool   // it is no command
	why     string
}

// exceptions are the commands that do not run here with status 0.
var exceptions = []exception{
	{page: "README.md", command: "apt install*", why: "the package is built and installed by a test of deploy/debian"},
	{page: "docs/packages.md", command: "apt *", why: "the same"},
	{page: "docs/packages.md", command: "dpkg --verify*", why: "the same"},
	{page: "docs/packages.md", command: "sha256sum*", why: "it is about the files of a release"},
	{page: "docs/packages.md", command: "install -m 0755 sealmilter-VERSION*", why: "the same"},
	{page: "deploy/container/README.md", command: "podman*", why: "a test of deploy/container types them beside an engine"},
	{page: "docs/events.md", command: "journalctl -u sealmilter -g*", status: 1, why: "nothing in the log has these examples"},
	{page: "docs/events.md", command: "sealmilter log token*", why: "the token is made with a secret of the host"},
	{page: "docs/filters.md", command: "INPUT_MAIL_FILTER*", data: true, why: "lines of sendmail.mc, which a test of deploy/sendmail takes from the page"},
	{page: "docs/filters.md", command: "InputMailFilters*", data: true, why: "the same"},
	{page: "docs/filters.md", command: "SignHeaders*", data: true, why: "lines of opendkim.conf, which tests of deploy/ take from the page"},
	{page: "docs/filters.md", command: "OversignHeaders*", data: true, why: "the same"},
	{page: "docs/archive.md", command: "gpg --quick-generate-key*", why: "it asks for a passphrase on a terminal"},
	{page: "docs/cookbook.md", command: "sealmilter explain --login alice@example.org --from alice@example.org --to bob@example.net --to carol@example.com", why: "it asks a PostgreSQL of another host; TestDatabaseServer types it where one is"},
	{page: "docs/operations.md", command: "systemctl enable --now sealmilter.socket", why: "the stand-in for systemctl hands on no sockets; a test of cmd/sealmilter does"},
	{page: "docs/database.md", command: "sudo -u postgres*", why: "there is no PostgreSQL on the host; TestDatabaseServer types it where one is"},
	{page: "docs/database.md", command: "systemctl stop sealmilter", why: "the same"},
	{page: "docs/database.md", command: "sealmilter store migrate*", why: "the same"},
	{page: "docs/database.md", command: "pg_dump*", why: "the same"},
	{page: "docs/database.md", command: "pg_restore*", why: "the same"},
	{page: "docs/senders.md", command: "gpg --export-secret-keys*", why: "it is typed on another host"},
	{page: "docs/senders.md", command: "sealmilter keys export --secret alice@example.org | gpg --import", why: "it asks for a passphrase on a terminal"},
	{page: "docs/senders.md", command: "gpg --change-passphrase*", why: "the same"},
	{page: "docs/senders.md", command: "gpg --armor --export-secret-keys*", why: "the same"},
	{page: "docs/senders.md", command: "gpg --homedir*", why: "it asks a web server on the internet"},
}

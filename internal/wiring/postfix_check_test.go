package wiring

import (
	"slices"
	"strings"
	"testing"
)

// wiredPostfix returns files as setup leaves Debian's.
func wiredPostfix(t *testing.T) PostfixFiles {
	t.Helper()
	files := PostfixFiles{
		Main:   "message_size_limit = 0\n",
		Master: "smtp inet n - y - - smtpd\npickup unix n - y 60 1 pickup\ncleanup unix n - y - 0 cleanup\n",
	}
	wired, err := postfixOf(files).Wire(files, parseConfig(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	return wired
}

// split and inner are what a Postfix has that splits messages by recipient.
const (
	split = "milter_macro_daemon_name = SEALFRONT\ncontent_filter = sealsplit:[127.0.0.1]:10027\nvirtual_alias_maps = hash:/x\n"
	inner = "127.0.0.1:10027 inet n - n - - smtpd -o milter_macro_daemon_name=SEALINNER -o content_filter=\n"
)

// relaying is the default of Postfix.
const relaying = "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination\n"

// TestCheckPostfix changes one setting after the other of a Postfix that is wired well.
func TestCheckPostfix(t *testing.T) {
	for name, tc := range map[string]struct {
		main, master string // appended
		replace      [2]string
		config       string
		want         string // state, topic and a part of the detail; "" for nothing but ok
	}{
		"well":                  {},
		"other filter is fine":  {main: "smtpd_milters = inet:127.0.0.1:11332, inet:localhost:8894\n"},
		"another user":          {main: "mail_owner = mta\n", want: "error Postfix: its daemons run as mta"},
		"another user, listed":  {main: "mail_owner = mta\n", config: `mta_users = ["mta"]`},
		"not asked":             {main: "smtpd_milters =\n", want: "error Postfix listener smtp: mail that comes in here is not sealed"},
		"elsewhere":             {config: `listen = "inet:127.0.0.1:9999"`, want: "error Postfix listener smtp: mail that comes in here is not sealed"},
		"service without":       {master: "submission inet n - y - - smtpd -o smtpd_milters=\n", want: "error Postfix listener submission: mail that comes in here is not sealed"},
		"loopback without":      {master: "127.0.0.1:10025 inet n - y - - smtpd -o smtpd_milters=\n", want: "warning Postfix listener 127.0.0.1:10025: it has no milter"},
		"behind postscreen":     {master: "smtpd pass - - y - - smtpd -o smtpd_milters=\n", want: "error Postfix listener smtpd: mail that comes in here is not sealed"},
		"no_milters":            {main: "receive_override_options = no_address_mappings, no_milters\n", want: "error Postfix listener smtp: receive_override_options has no_milters"},
		"no_milters of pickup":  {replace: [2]string{"-o cleanup_service_name=sealcleanup", "-o cleanup_service_name=sealcleanup -o receive_override_options=no_milters"}, want: "error Postfix local programs: receive_override_options has no_milters"},
		"both protocols":        {main: "inet_protocols = ipv4, ipv6\n"},
		"IPv4 only":             {main: "inet_protocols = ipv4\n"},
		"name without a domain": {main: "myhostname = mail\n", want: "warning Postfix myhostname: mail is no name"},
		"name of nowhere":       {main: "myhostname = box.localdomain\n", want: "warning Postfix myhostname: box.localdomain is no name"},
		"a name":                {main: "myhostname = mail.example.org\n"},
		"soft bounce":           {main: "soft_bounce = yes\n", want: "warning Postfix soft_bounce"},
		"untrusted network":     {main: relaying + "mynetworks = 127.0.0.0/8, 10.1.0.0/16\n", want: "warning Postfix mynetworks: clients in 10.1.0.0/16 may send without a login"},
		"untrusted IPv6":        {main: relaying + "mynetworks = [2001:db8::]/32\n", want: "warning Postfix mynetworks: clients in 2001:db8::/32"},
		"network too wide":      {main: relaying + "mynetworks = 10.0.0.0/8\n", config: `senders.trust = ["10.1.0.0/16"]`, want: "warning Postfix mynetworks: clients in 10.0.0.0/8"},
		"trusted network":       {main: relaying + "mynetworks = 10.1.0.0/16\n", config: `senders.trust = ["10.0.0.0/8"]`},
		"Debian's networks":     {main: relaying + "mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128 192.0.2.1/32 !10.0.0.0/8 hash:/x [x]/y\n"},
		"network without relay": {main: "smtpd_relay_restrictions = permit_sasl_authenticated, reject\nmynetworks = 10.1.0.0/16\n"},
		"XCLIENT":               {main: "smtpd_authorized_xclient_hosts = 127.0.0.0/8\n", want: "warning Postfix listener smtp: smtpd_authorized_xclient_hosts = 127.0.0.0/8"},
		"PROXY":                 {master: "587 inet n - y - - smtpd -o smtpd_upstream_proxy_protocol=haproxy\n", want: "warning Postfix listener 587: smtpd_upstream_proxy_protocol = haproxy"},
		"milter maps":           {main: "smtpd_milter_maps = cidr:/x\n", want: "warning Postfix listener smtp: smtpd_milter_maps"},
		"accept":                {main: "milter_default_action = accept\n", want: "error Postfix: milter_default_action = accept in main.cf"},
		"accept of ours":        {main: "smtpd_milters = { inet:127.0.0.1:8894, default_action=accept }\n", want: "error Postfix: smtpd_milters in main.cf has default_action=accept"},
		"accept of another":     {main: "non_smtpd_milters = { inet:127.0.0.1:1, { default_action = ACCEPT } }\n", want: "error Postfix: non_smtpd_milters in main.cf has default_action=accept"},
		"accept of a service":   {master: "x inet n - y - - smtpd -o milter_default_action=accept\n", want: "error Postfix: milter_default_action=accept for x in master.cf"},
		"quarantine":            {main: "milter_default_action = quarantine\n", want: "warning Postfix: milter_default_action = quarantine"},
		"old protocol":          {main: "milter_protocol = 2\n", want: "error Postfix: milter_protocol is 2"},
		"short for a recipient": {main: "smtpd_milters = { inet:127.0.0.1:8894, command_timeout=12s }\n", want: "warning Postfix listener smtp: command_timeout is 12s"},
		"long lookups":          {config: "keys.timeout = \"25s\"", main: "smtpd_milters = { inet:127.0.0.1:8894, command_timeout=29s }\n", want: "warning Postfix listener smtp: command_timeout is 29s"},
		"short for a message":   {main: "smtpd_milters = inet:127.0.0.1:8894\nmilter_content_timeout = 5\n", want: "warning Postfix listener smtp: content_timeout is 5s"},
		"minutes":               {main: "smtpd_milters = { inet:127.0.0.1:8894, command_timeout=1m, content_timeout=1h }\n"},
		"signed too early":      {main: "smtpd_milters = inet:localhost:8891, inet:127.0.0.1:8894\n", want: "error Postfix listener smtp: the signature of inet:localhost:8891 is made before"},
		"signed behind":         {main: "smtpd_milters = inet:127.0.0.1:8894, inet:localhost:8891\n", want: "warning Postfix listener 127.0.0.1:10026: copies that go through it are not signed by inet:localhost:8891"},
		"before-queue filter":   {master: "x inet n - y - - smtpd -o smtpd_proxy_filter=127.0.0.1:10024\n127.0.0.1:10025 inet n - y - - smtpd -o smtpd_milters=\n", want: "error Postfix listener 127.0.0.1:10025: it has no milter, and an smtpd_proxy_filter"},
		"filter's listener":     {main: "smtpd_proxy_filter = 127.0.0.1:10024\n", want: "error Postfix listener smtp: smtpd_proxy_filter = 127.0.0.1:10024"},
		"behind the filter":     {main: "smtpd_proxy_filter = 127.0.0.1:10024\n", master: "127.0.0.1:10025 inet n - y - - smtpd -o smtpd_proxy_filter=\n", want: "warning Postfix listener smtp: smtpd_proxy_filter = 127.0.0.1:10024"},
		"many processes":        {main: "default_process_limit = 600\n", master: "587 inet n - y - 500 smtpd\n", want: "warning Postfix processes: Postfix may have 1100 sessions"},
		"enough connections":    {main: "default_process_limit = 600\n", master: "587 inet n - y - 400 smtpd\n"},
		"QMQP":                  {master: "628 inet n - y - - qmqpd\n", want: "error Postfix service 628: what comes in by qmqpd"},
		"QMQP by sealcleanup":   {master: "628 inet n - y - - qmqpd -o cleanup_service_name=sealcleanup\n"},
		"second pickup":         {master: "pickup2 unix n - y 60 1 pickup\n", want: "error Postfix service pickup2: what comes in by pickup"},
		"copies without DSN":    {replace: [2]string{"-o smtpd_milters=\n", "-o smtpd_milters=\n  -o smtpd_discard_ehlo_keywords=silent-discard,dsn\n"}, want: "warning Postfix listener 127.0.0.1:10026: smtpd_discard_ehlo_keywords keeps dsn"},
		"nobody has DSN":        {main: "smtpd_discard_ehlo_keywords = dsn\n"},
		"no SMTPUTF8":           {main: "smtputf8_enable = no\n"},
		"masquerade":            {main: "masquerade_domains = example.org\nmasquerade_classes = envelope_sender, envelope_recipient\n", want: "warning Postfix masquerade_domains: example.org changes recipients"},
		"masquerade senders":    {main: "masquerade_domains = example.org\nmasquerade_classes = envelope_sender, header_sender\n"},
		"short lines":           {main: "smtp_line_length_limit = 990\n", want: "warning Postfix smtp_line_length_limit: lines of more than 990"},
		"aliases of no split":   {config: `policy.aliases = ["@lists.example"]`, want: "warning Postfix aliases"},
		"size":                  {main: "message_size_limit = 10240000\n", want: "warning Postfix message_size_limit: an encrypted message"},
		"local programs":        {replace: [2]string{"  -o cleanup_service_name=sealcleanup\n", ""}, want: "error Postfix local programs: what cron and sendmail(1) send is not sealed"},
		"no such cleanup":       {replace: [2]string{"cleanup_service_name=sealcleanup", "cleanup_service_name=other"}, want: "error Postfix local programs: pickup hands its mail to other"},
		"no name":               {replace: [2]string{"milter_macro_daemon_name=LOCALSUBMIT", "syslog_name=x"}, want: "warning Postfix local programs: sealmilter cannot tell"},
		"no listener":           {config: `reinject = "127.0.0.1:10099"`, want: "error Postfix listener 127.0.0.1:10099: it is not in master.cf"},
		"copies come back":      {replace: [2]string{"-o smtpd_milters=\n", "-o syslog_name=x\n"}, want: "error Postfix listener 127.0.0.1:10026: sealmilter's copies would come back"},
		"open for all":          {replace: [2]string{"{ smtpd_client_restrictions = check_policy_service inet:127.0.0.1:8894, reject }", "smtpd_client_restrictions=permit"}, want: "error Postfix listener 127.0.0.1:10026: it does not ask"},
		"somebody else decides": {replace: [2]string{"{ smtpd_data_restrictions = check_policy_service inet:127.0.0.1:8894, reject }", "{ smtpd_data_restrictions = check_policy_service inet:127.0.0.1:1, reject }"}, want: "error Postfix listener 127.0.0.1:10026: it does not ask"},
		"open without answer":   {replace: [2]string{"451 4.7.1 sealmilter does not answer", "dunno"}, want: "error Postfix listener 127.0.0.1:10026: it does not ask"},
		"always_bcc":            {main: "always_bcc = archive@example.org\n", want: "warning Postfix always_bcc: archive@example.org adds a recipient"},
		"bcc of a service":      {master: "x inet n - y - - smtpd -o sender_bcc_maps=hash:/x\n", want: "warning Postfix sender_bcc_maps: hash:/x of x in master.cf adds"},
		"content filter":        {main: "content_filter = scan:[127.0.0.1]:10025\n", want: "warning Postfix content_filter"},
		"split":                 {main: split, replace: [2]string{"=LOCALSUBMIT", "=SEALFRONTLOCAL"}, master: inner},
		"split, added":          {main: split + "always_bcc = archive@example.org\n", replace: [2]string{"=LOCALSUBMIT", "=SEALFRONTLOCAL"}, master: inner},
		"split without inner":   {main: split, want: "warning Postfix content_filter"},
		"split, name of before": {main: split, replace: [2]string{"=LOCALSUBMIT", "=x"}, master: inner, want: "warning Postfix local programs"},
		"aliases":               {main: "virtual_alias_maps = hash:/x\n", want: "warning Postfix virtual_alias_maps"},
		"generic":               {main: "smtp_generic_maps = hash:/x\n", want: "warning Postfix smtp_generic_maps"},
		"header checks":         {main: "smtp_header_checks = regexp:/x\n", want: "warning Postfix smtp_header_checks"},
		"canonical":             {main: "recipient_canonical_maps = hash:/x\n", want: "warning Postfix recipient_canonical_maps"},
		"socket and chroot":     {config: `listen = "unix:/run/x.sock"`, main: "smtpd_milters = unix:/run/x.sock\n", want: "error Postfix listener smtp: it runs in a chroot"},
	} {
		t.Run(name, func(t *testing.T) {
			files := wiredPostfix(t)
			files.Main += tc.main
			files.Master += tc.master
			if old := tc.replace[0]; old != "" {
				if !strings.Contains(files.Master, old) {
					t.Fatalf("%q is not there", old)
				}
				files.Master = strings.ReplaceAll(files.Master, old, tc.replace[1])
			}
			wantFinding(t, postfixOf(files).Check(parseConfig(t, tc.config)), tc.want)
		})
	}
}

// TestSizeCommand holds the command that is offered to leaving mailboxes that can take a message.
func TestSizeCommand(t *testing.T) {
	files := wiredPostfix(t)
	files.Main += "message_size_limit = 10240000\nvirtual_mailbox_limit = 0\n"
	const want = "postconf -e message_size_limit=104857600 mailbox_size_limit=0 && postfix reload"
	if all := postfixOf(files).Check(parseConfig(t, "")); !slices.ContainsFunc(all, func(f Finding) bool { return strings.HasPrefix(f.Mend, want) }) {
		t.Errorf("%+v", all)
	}
}

// TestAcceptingCommands holds the commands that are offered to keeping everything but the value accept.
func TestAcceptingCommands(t *testing.T) {
	files := PostfixFiles{
		Main:   "milter_default_action = accept\nsmtpd_milters = inet:1:2, { inet:3:4, { default_action = accept }, { connect_timeout = 3s } }\n",
		Master: "x inet n - n - - smtpd -o { smtpd_milters = { unix:/a, default_action=accept } } -o milter_default_action=accept\n",
	}
	var got []string
	for _, a := range postfixOf(files).Accepting() {
		got = append(got, a.Mend)
	}
	want := []string{
		"postconf -e milter_default_action=tempfail",
		"postconf -e 'smtpd_milters=inet:1:2, { inet:3:4, default_action=tempfail, { connect_timeout = 3s } }'",
		"postconf -P x/inet/milter_default_action=tempfail",
		"postconf -P 'x/inet/smtpd_milters={ unix:/a, default_action=tempfail }'",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

// TestPostfixProtocols has a host of one protocol.
func TestPostfixProtocols(t *testing.T) {
	for name, tc := range map[string]struct {
		protocols, listen, reinject string
		want                        int
	}{
		"IPv6 alone":     {"ipv6", "inet:127.0.0.1:8894", "127.0.0.1:10026", 2},
		"IPv6 as it is":  {"ipv6", "inet:[::1]:8894", "[::1]:10026", 0},
		"IPv6, a socket": {"ipv6", "unix:/run/sealmilter/milter.sock", "127.0.0.1:10026", 1},
		"IPv4 alone":     {"ipv4", "inet:127.0.0.1:8894", "[::1]:10026", 1},
		"a name":         {"ipv6", "inet:localhost:8894", "localhost:10026", 0},
		"both":           {"ipv4, ipv6", "inet:127.0.0.1:8894", "[::1]:10026", 0},
		"all":            {"all", "inet:127.0.0.1:8894", "[::1]:10026", 0},
	} {
		k := postfixCheck{Postfix: &Postfix{Main: map[string]string{"inet_protocols": tc.protocols}},
			config: parseConfig(t, "listen = \""+tc.listen+"\"\nreinject = \""+tc.reinject+"\"")}
		if k.addresses(); len(k.findings) != tc.want {
			t.Errorf("%s: %+v", name, k.findings)
		}
	}
}

// TestWithMilters types what is offered.
func TestWithMilters(t *testing.T) {
	k := postfixCheck{Postfix: &Postfix{Main: map[string]string{"receive_override_options": "no_address_mappings, no_milters"}}}
	for name, tc := range map[string]struct {
		overrides map[string]string
		want      string
	}{
		"of main.cf":   {nil, "postconf -e receive_override_options=no_address_mappings && postfix reload"},
		"of master.cf": {map[string]string{"receive_override_options": "no_milters"}, "postconf -P smtp/inet/receive_override_options= && postfix reload"},
	} {
		if got := k.withMilters(Service{Name: "smtp", Type: "inet", Overrides: tc.overrides}); got != tc.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestOtherFilters(t *testing.T) {
	p := ParsePostfix("queue_directory = /var/spool/postfix\nmilter_default_action = tempfail\nsmtpd_milters = inet:127.0.0.1:11332, inet:localhost:8894, { unix:opendkim/sock, default_action=accept }\nnon_smtpd_milters = inet:127.0.0.1:11332\n",
		"smtp inet n - y - - smtpd\ncleanup unix n - y - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n", "")
	want := []OtherFilter{{"inet:127.0.0.1:11332", "tcp", "127.0.0.1:11332", false}, {"unix:opendkim/sock", "unix", "/var/spool/postfix/opendkim/sock", true}}
	if got := p.OtherFilters(parseConfig(t, "")); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	s := ParseSendmail("O InputMailFilters=other, sealmilter\nXother, S=inet:11999@127.0.0.1, F=T\nXsealmilter, S=inet:8894@127.0.0.1, F=T\nXdkim, S=local:/run/dkim\nXidle, S=inet:1@h\nO DaemonPortOptions=Name=MTA, InputMailFilters=dkim\n")
	want = []OtherFilter{{"dkim (local:/run/dkim)", "unix", "/run/dkim", true}, {"other (inet:11999@127.0.0.1)", "tcp", "127.0.0.1:11999", false}}
	if got := s.OtherFilters(parseConfig(t, "")); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

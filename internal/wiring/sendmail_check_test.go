package wiring

import (
	"strings"
	"testing"
	"time"

	"sealmilter/internal/config"
)

// wiredCF and wiredSubmitCF are the lines that matter of what m4 makes of Debian's sources with the fragments.
const (
	wiredCF = `# sendmail.cf
Xsealmilter, S=inet:8894@127.0.0.1, F=T, T=C:10s;S:30s;R:60s;E:10m
Xspam, S=local:/run/spam.sock,
	F=T
O AliasFile=/etc/mail/aliases
O InputMailFilters=spam, sealmilter
O DaemonPortOptions=Family=inet,  Name=MTA-v4, Port=smtp, Addr=127.0.0.1
O DaemonPortOptions=Family=inet, Name=SEALCOPIES, Port=10026, Addr=127.0.0.1, M=ACES, InputMailFilters=sealmilter
O DaemonPortOptions=Family=inet, Name=LOCALSUBMIT, Port=10025, Addr=127.0.0.1, M=AES
O MaxMimeHeaderLength=0/0
O PidFile=/run/sendmail.pid
Mesmtp,		P=[IPC], F=mDFMuXa, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\r\n, L=2040,
		T=DNS/RFC822/SMTP,
		A=TCP $h
`
	wiredSubmitCF = `D{MTAHost}[127.0.0.1]
Mrelay,	P=[IPC], F=mDFMuXa8k, L=2040,
	A=TCP $h 10025
O PrivacyOptions=nobodyreturn
O PrivacyOptions=goaway,noetrn,restrictqrun
`
)

// TestCheckSendmail changes one line after the other of a sendmail that is wired well.
func TestCheckSendmail(t *testing.T) {
	for name, tc := range map[string]struct {
		replace, submit [2]string
		noSubmit        bool
		config          string
		want            string // state, topic and a part of the detail; "" for nothing but ok
	}{
		"well":                {},
		"no filter":           {replace: [2]string{"Xsealmilter", "#"}, want: "error sendmail filter: no filter of sendmail.cf"},
		"elsewhere":           {config: `listen = "inet:127.0.0.1:9999"`, want: "error sendmail filter: no filter of sendmail.cf"},
		"a socket":            {config: `listen = "unix:/run/x.sock"`, want: "error sendmail filter: no filter of sendmail.cf"},
		"lets pass":           {replace: [2]string{"127.0.0.1, F=T, T=", "127.0.0.1, T="}, want: "error sendmail filter: it lacks F=T"},
		"rejects":             {replace: [2]string{"127.0.0.1, F=T, T=", "127.0.0.1, F=R, T="}},
		"another user":        {replace: [2]string{"O PidFile", "O RunAsUser=mta:mta\nO PidFile"}, want: "error sendmail: its daemons run as mta"},
		"Debian's user":       {replace: [2]string{"O PidFile", "O RunAsUser=smmta:smmta\nO PidFile"}},
		"short timeouts":      {replace: [2]string{"R:60s", "R:9s"}, want: "warning sendmail filter: it waits 9s for an answer"},
		"default timeouts":    {replace: [2]string{", T=C:10s;S:30s;R:60s;E:10m", ""}, want: "warning sendmail filter: it waits 10s for an answer"},
		"short end":           {replace: [2]string{"E:10m", "E:30s"}, want: "warning sendmail filter: it waits 30s at the end"},
		"not in the list":     {replace: [2]string{"O InputMailFilters=spam, sealmilter", "O InputMailFilters=spam"}, want: "error sendmail listener MTA-v4: mail that comes in here is not sealed"},
		"own list":            {replace: [2]string{"Port=smtp, ", "Port=smtp, InputMailFilters=spam;sealmilter, "}},
		"own list without":    {replace: [2]string{"Port=smtp, ", "Port=smtp, InputMailFilters=spam, "}, want: "error sendmail listener MTA-v4: mail that comes in here is not sealed"},
		"own empty list":      {replace: [2]string{"Port=smtp, ", "Port=smtp, I=, "}, want: "error sendmail listener MTA-v4: mail that comes in here is not sealed"},
		"signed too early":    {replace: [2]string{"local:/run/spam.sock", "inet:8891@localhost"}, want: "error sendmail listener MTA-v4: the signature of spam"},
		"signed behind":       {replace: [2]string{"spam, sealmilter\n", "sealmilter,opendkim\nXopendkim, S=local:/x\n"}, want: "warning sendmail listener 127.0.0.1:10026: copies that go through it are not signed by opendkim"},
		"copies signed":       {replace: [2]string{"InputMailFilters=sealmilter\n", "InputMailFilters=sealmilter;opendkim\nO InputMailFilters=sealmilter,opendkim\n"}},
		"no copies":           {config: `reinject = "127.0.0.1:10099"`, want: "error sendmail listener 127.0.0.1:10099: it is not in sendmail.cf"},
		"copies by any name":  {replace: [2]string{"Name=SEALCOPIES", "Name=COPIES"}, want: "error sendmail listener 127.0.0.1:10026: sealmilter is not asked"},
		"copies unasked":      {replace: [2]string{"M=ACES, InputMailFilters=sealmilter", "M=ACES, InputMailFilters="}, want: "error sendmail listener 127.0.0.1:10026: sealmilter is not asked"},
		"no submit.cf":        {noSubmit: true, want: "warning sendmail local programs: there is no submit.cf"},
		"to the usual port":   {submit: [2]string{" 10025", ""}, want: "warning sendmail local programs: sealmilter cannot tell"},
		"to another port":     {submit: [2]string{"10025", "587"}, want: "error sendmail local programs: submit.cf hands their mail to port 587"},
		"to the copies":       {submit: [2]string{"10025", "10026"}, want: "warning sendmail local programs: sealmilter cannot tell"},
		"to another host":     {submit: [2]string{"[127.0.0.1]", "smtp.example.net"}, want: "error sendmail local programs: submit.cf hands their mail to smtp.example.net"},
		"programs unasked":    {replace: [2]string{"M=AES", "M=AES, InputMailFilters=spam"}, want: "error sendmail local programs: what cron and sendmail(1) send is not sealed"},
		"macros":              {replace: [2]string{"O PidFile", "O Milter.macros.connect=j, _\nO PidFile"}, want: "error sendmail macros: milter.macros.connect lacks {daemon_name}"},
		"more macros":         {replace: [2]string{"O PidFile", "O Milter.macros.envfrom=i, {auth_type}, {auth_authen}\nO PidFile"}},
		"long MIME fields":    {replace: [2]string{"O MaxMimeHeaderLength=0/0\n", ""}, want: "warning sendmail MaxMimeHeaderLength"},
		"long lines":          {replace: [2]string{"L=2040", "L=990"}, want: "warning sendmail mailer esmtp: L=990"},
		"size":                {replace: [2]string{"O PidFile", "O MaxMessageSize=1000000\nO PidFile"}, want: "warning sendmail MaxMessageSize"},
		"text returned":       {submit: [2]string{"nobodyreturn", "noetrn"}, want: "warning sendmail local programs: submit.cf lets sendmail return"},
		"generics":            {replace: [2]string{"O PidFile", "Kgenerics hash -o /etc/mail/genericstable\nO PidFile"}, want: "warning sendmail genericstable"},
		"virtual users":       {replace: [2]string{"O PidFile", "Kvirtuser hash -o /etc/mail/virtusertable\nO PidFile"}, want: "warning sendmail virtusertable: hash -o /etc/mail/virtusertable"},
		"many children":       {replace: [2]string{"O PidFile", "O MaxDaemonChildren=2000\nO PidFile"}, want: "warning sendmail MaxDaemonChildren: sendmail may have 2000"},
		"some children":       {replace: [2]string{"O PidFile", "O MaxDaemonChildren=20\nO PidFile"}},
		"throttled":           {replace: [2]string{"O PidFile", "O ConnectionRateThrottle=3\nO PidFile"}, want: "warning sendmail ConnectionRateThrottle"},
		"masquerading":        {replace: [2]string{"O PidFile", "DMexample.org\nO PidFile"}, want: "warning sendmail masquerading: From becomes an address of example.org"},
		"no masquerading":     {replace: [2]string{"O PidFile", "DM\nO PidFile"}},
		"strict":              {replace: [2]string{"O PidFile", "O EightBitMode=strict\nO PidFile"}, want: "warning sendmail EightBitMode"},
		"comments are no use": {replace: [2]string{"O InputMailFilters", "#O InputMailFilters"}, want: "error sendmail listener MTA-v4"},
	} {
		t.Run(name, func(t *testing.T) {
			replaced := func(text string, r [2]string) string {
				if r[0] != "" && !strings.Contains(text, r[0]) {
					t.Fatalf("%q is not there", r[0])
				}
				if r[0] == "" {
					return text
				}
				return strings.ReplaceAll(text, r[0], r[1])
			}
			s, submit := ParseSendmail(replaced(wiredCF, tc.replace)), ParseSendmail(replaced(wiredSubmitCF, tc.submit))
			if tc.noSubmit {
				submit = nil
			}
			wantFinding(t, s.Check(submit, parseConfig(t, tc.config)), tc.want)
		})
	}
}

func TestQueueFolder(t *testing.T) {
	for cf, want := range map[string]string{"": "/var/spool/mqueue", "O QueueDirectory=/q\n": "/q", "O QueueDirectory=/q/mq*\n": "/q"} {
		if got := ParseSendmail(cf).QueueFolder(); got != want {
			t.Errorf("%q: %s, want %s", cf, got, want)
		}
	}
}

func TestSendmailDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{"10s": 10 * time.Second, "10m": 10 * time.Minute, "1h30m": 90 * time.Minute, "5": 5 * time.Second, "": 0, "x": 0} {
		if got := sendmailDuration(in); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

// FuzzParseSendmail holds the parser to taking anything.
func FuzzParseSendmail(f *testing.F) {
	f.Add(wiredCF, wiredSubmitCF)
	f.Add("X", "M,=\nD{\nO =\nO DaemonPortOptions=,=,I=\nD")
	f.Fuzz(func(t *testing.T, cf, submit string) {
		s := ParseSendmail(cf)
		s.Check(ParseSendmail(submit), config.Default())
		s.ClientAddress()
	})
}

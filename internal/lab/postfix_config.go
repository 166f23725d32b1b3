package lab

import (
	"fmt"
	"slices"
	"strings"
)

// mainCF returns the main.cf of a private instance in the folder dir. A parameter that the caller sets is left out:
// Postfix would take the last of two, but warn.
func mainCF(programs postfixPrograms, dir string, config PostfixConfig) string {
	var own []string
	for line := range strings.Lines(config.Main) {
		if parameter, _, found := strings.Cut(line, "="); found {
			own = append(own, strings.TrimRight(parameter, " \t"))
		}
	}
	var b strings.Builder
	set := func(parameter, value string) {
		if !slices.Contains(own, parameter) {
			fmt.Fprintf(&b, "%s = %s\n", parameter, value)
		}
	}

	set("compatibility_level", "3.7")
	set("queue_directory", dir+"/queue")
	set("data_directory", dir+"/data")
	set("meta_directory", dir+"/conf")
	set("command_directory", programs.commands)
	set("daemon_directory", programs.daemons)
	set("shlib_directory", programs.libraries)
	set("mail_owner", programs.owner)
	set("setgid_group", programs.group)
	set("default_privs", "nobody")
	set("maillog_file", dir+"/log")
	set("maillog_file_prefixes", dir)

	// Unpacked programs look for their libraries in /usr/lib/postfix. Every program empties its environment when it
	// starts, and again for its children, so both lists must let the right folder through. Without MAIL_CONFIG,
	// postdrop(1) would read /etc/postfix.
	environment := "MAIL_CONFIG MAIL_LOGTAG TZ LANG=C"
	if libraries := programs.tree.LibraryPath(); libraries != "" {
		environment += " LD_LIBRARY_PATH=" + libraries
	}
	set("import_environment", environment)
	set("export_environment", environment)

	set("myhostname", "mx.lab.test")
	set("inet_interfaces", "127.0.0.1")
	set("inet_protocols", "ipv4")
	set("mynetworks", "127.0.0.0/8")
	set("smtpd_peername_lookup", "no")
	set("smtpd_recipient_restrictions", "permit_mynetworks, permit_sasl_authenticated, reject")
	set("mydestination", "")
	set("alias_maps", "")
	set("alias_database", "")
	set("address_verify_map", "")
	set("local_recipient_maps", "")
	set("local_transport", "error:no local mail")
	set("disable_dns_lookups", "yes")
	set("smtp_host_lookup", "native")
	// Under load Postfix keeps connections open for the next message, and does not look then whether the server has
	// announced what that one needs, SMTPUTF8 for instance.
	set("smtp_connection_cache_on_demand", "no")
	host, port, found := strings.Cut(config.Relay, ":")
	if !found {
		host, port = "127.0.0.1", "1" // nobody listens there
	}
	set("relayhost", fmt.Sprintf("[%s]:%s", host, port))
	if config.Auth != "" {
		set("smtpd_sasl_auth_enable", "yes")
		set("smtpd_sasl_type", "dovecot")
		set("smtpd_sasl_path", "inet:"+config.Auth)
	}
	return b.String() + "\n" + config.Main
}

// services are the stock services of master.cf(5) that the lab's mail may need, without chroot.
const services = `
pickup    unix       n - n 60   1 pickup
cleanup   unix       n - n -    0 cleanup
qmgr      unix       n - n 300  1 qmgr
tlsmgr    unix       - - n 1000 1 tlsmgr
rewrite   unix       - - n -    - trivial-rewrite
bounce    unix       - - n -    0 bounce
defer     unix       - - n -    0 bounce
trace     unix       - - n -    0 bounce
verify    unix       - - n -    1 verify
flush     unix       n - n 1000 0 flush
proxymap  unix       - - n -    - proxymap
smtp      unix       - - n -    - smtp
relay     unix       - - n -    - smtp
showq     unix       n - n -    - showq
error     unix       - - n -    - error
retry     unix       - - n -    - error
discard   unix       - - n -    - discard
anvil     unix       - - n -    1 anvil
scache    unix       - - n -    1 scache
postlog   unix-dgram n - n -    1 postlogd
`

// masterCF returns the master.cf of an instance whose plain listener is at addr. A service of the caller takes the
// place of the stock one of that name.
func masterCF(addr string, config PostfixConfig) string {
	var own []string
	for line := range strings.Lines(config.Master) {
		if name := serviceName(line); name != "" {
			own = append(own, name)
		}
	}
	var b strings.Builder
	for line := range strings.Lines(services + addr + " inet n - n - - smtpd\n") {
		if !slices.Contains(own, serviceName(line)) {
			b.WriteString(line)
		}
	}
	return b.String() + "\n" + config.Master
}

// serviceName returns name and type of the service that a line of master.cf begins, "" for any other line.
func serviceName(line string) string {
	fields := strings.Fields(line)
	if len(fields) < 8 || strings.HasPrefix(line, "#") || strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
		return ""
	}
	return fields[0] + " " + fields[1]
}

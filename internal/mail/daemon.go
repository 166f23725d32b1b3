package mail

// Names of the MTA's listeners ({daemon_name}) that mean something. The shipped configurations give them; a listener of
// any other name is for clients.
const (
	// DaemonLocal takes mail from programs on this host: sendmail(1), cron.
	DaemonLocal = "LOCALSUBMIT"
	// DaemonCopies is the loopback listener for the copies that the outbox sends, where the MTA has no other way to ask
	// who may come in.
	DaemonCopies = "SEALCOPIES"
	// DaemonFront and DaemonFrontLocal take mail in a split, from clients and from programs on this host: messages are
	// checked there, and sealed when the MTA has made one of each recipient's own.
	DaemonFront      = "SEALFRONT"
	DaemonFrontLocal = "SEALFRONTLOCAL"
	// DaemonInner gets that one back from the MTA.
	DaemonInner = "SEALINNER"
)

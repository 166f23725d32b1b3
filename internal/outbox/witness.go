package outbox

import (
	"maps"
	"net"
	"slices"
	"time"
)

// Witness stands by in case that this process dies while a copy is on its way: it shares the connection, and records the
// copy if the MTA accepts it.
type Witness interface {
	// Watch is called when a copy's final dot is to be written, which is the last of so many octets. The connection is
	// written to by nobody else and read by nobody, until the returned function is called: with the MTA's answer
	// still in the socket, and the copy recorded, if it was accepted, as a copy of a message until a time.
	Watch(conn *net.TCPConn, octets int, message string, copies []string, expires time.Time) (forget func())
	// Remember is called when records are to be deleted, or could not be made so far. They are made if this process
	// dies before it calls the returned function.
	Remember(message string, copies []string, expires time.Time) (forget func())
}

// watch has the witness know of a copy, if there is one.
func (a *Attempt) watch(conn *net.TCPConn, octets int, names []string) (forget func()) {
	o := a.outbox
	if o.Witness == nil {
		return func() {}
	}
	return o.Witness.Watch(conn, octets, a.identity.digest, names, o.now().Add(a.identity.openFor()))
}

// remember has the witness know of the records of a message that are to be deleted.
func (a *Attempt) remember() (forget func()) {
	return a.outbox.entrust(a.identity, slices.Collect(maps.Keys(a.sent)), a.outbox.now().Add(a.identity.openFor()))
}

// entrust has the witness make records if this process dies, if there is a witness.
func (o *Outbox) entrust(id Identity, copies []string, expires time.Time) (forget func()) {
	if o.Witness == nil {
		return func() {}
	}
	return o.Witness.Remember(id.digest, copies, expires)
}

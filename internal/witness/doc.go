// Package witness keeps a crash of the milter from repeating a copy.
//
// From the final dot on, the MTA queues a copy whether or not the milter lives, and some milliseconds later the milter
// writes down that it was sent. A milter that dies in between does not know of it when it comes back. So a second, small
// process stands by: it is told of each copy before the final dot, shares the connection to the MTA and the claims of the
// messages in work, and does nothing as long as the milter lives. When the milter has died, it reads the MTA's answers in
// its place, writes down which copies were sent, gives the messages free and ends.
//
// Nothing on the way of a copy waits for the witness. It is told by packets of a socket, which reach it even when both
// processes do not get to run before the milter's death. If the witness itself dies, the milter goes on and starts another
// one.
//
// Three things make what it finds unambiguous. The kernel tells how many octets of a connection were written, so that the
// witness knows whether the final dot was (tcp(7), TCP_INFO). The milter leaves the MTA's answer in the socket until the
// copy is recorded and the witness has been told so (recv(2), MSG_PEEK). And a message stays claimed while either of the
// two has it, because they share the open file that the claims are locks of (fcntl(2), "Open file description locks"): a
// client's next try is told to wait as long.
package witness

// Package campaign sends mail through a real Postfix with sealmilter while both are killed again and again and everything
// around them fails, and then compares what senders were told with what recipients got. "make campaign KILLS=1000 SEED=1"
// leads one.
//
// # What goes on
//
// Mail clients log in and send messages to up to 30 recipients, with and without keys, in To, Cc and Bcc, of up to 2
// MB; each tries the same octets again on 4xx and on a lost connection, until it hears 250 or 5xx. Programs hand in
// mail with sendmail(1), some of it several times on purpose. The next hop keeps every copy, which the real gpg opens.
//
// Two sources of faults draw from the seed. One kills (SIGKILL): the milter, now and then its witness, seldom both of them
// together, and in between Postfix's smtpd(8) in front and behind the loopback listener, and cleanup(8). A kill follows
// a drawn moment by a drawn time, but for half of those of the milter, which come at any time. A milter that could not
// write to its ledger is not killed together with its witness, since what it owes the ledger is nowhere else. The other
// source takes the loopback listener away or freezes it, fills the milter's disk or makes it slow, locks its database,
// breaks the recipients' key directory, sends SIGHUP with changed configurations, or SIGTERM. A milter that ends is
// started again at once. At the end all faults stop, every client comes to its end and the queue is emptied.
//
// # What is counted
//
// All is counted from the outside: what clients were told, what the next hop got, and Postfix's log, in which a kill has
// a mark before it and one behind it. Postfix's own programs write through the same socket as the marks, so that the
// order of the lines is that of what happened.
//
// Lost is a copy for a recipient for whom the client heard 250, or whose message was handed in to sendmail(1), that did not
// arrive as often as it was meant, whole, and of which no notice told the sender.
//
// Leaked is a delivery that shows text of a message in clear to somebody whose mail must be encrypted, or is encrypted to
// anybody else's key, or goes to somebody who may get nothing, or names a Bcc recipient to another one; and text of a
// message in the milter's state or in a log.
//
// A duplicate is a copy beyond the number that was meant. A copy, known by its queue file, is excused if it was in
// flight at a kill:
//
//   - It came through the loopback listener, and the milter was killed together with its witness after the smtpd(8) had opened the
//     queue file and before that process logged anything of the connection's end or of another file.
//   - The smtpd(8) that took it was killed within the same lines. This goes for the message that is a copy itself, too.
//   - It came through the loopback listener, which was taken out of master.cf within the same lines: master(8) ends its processes
//     then. That counts as a kill of one of Postfix's processes.
//   - The cleanup(8) that wrote it was killed before it logged another message.
//   - The message has no Message-ID of its client's, and one of the last two holds for the message that the copy was made of, or
//     the milter was killed with its witness before that message was answered, but when all its copies had been handed in. Postfix makes another
//     Message-ID at each try, which tells what message that was. The milter forgets such a message before it answers, since the next
//     one with the same text may be meant: then all copies are sent once more, those of earlier
//     tries among them.
//
// A kill of the milter alone, or of its witness alone, excuses nothing.
//
// Of several copies for one recipient, each excused one but the last, in the order in which queue files were opened,
// explains one duplicate, which counts as inside the in-flight window: of a kill of milter and witness or, counted for
// itself like the kills, of one of Postfix's processes. All others are outside, also those that are explained by a
// fault that is no kill, and those of one queue file that was delivered twice.
//
// A false refusal is a 5xx to a whole message, or to a recipient who may get mail: there is no reason for one in a
// campaign. So is a notice about somebody who got the message. Unanswered is a message that is still deferred when all
// faults were over for minutes.
//
// A promise broke if anything is lost, leaked, outside, falsely refused or unanswered. The folder that is kept then has
// findings.txt, sent.txt and arrived.txt, the logs and configuration of Postfix and the milter, and the milter's state.
//
// # The seed
//
// Everybody who acts draws from a source of their own, made of the seed and their name. So the same letters are written, the
// same victims drawn with the same delays after the same moments, and the same faults in the same order. What the
// processes make of it differs from run to run.
package campaign

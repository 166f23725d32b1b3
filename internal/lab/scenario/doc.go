// Package scenario plays end-to-end cases: a mail client submits messages to a real MTA with a running sealmilter, and
// every mailbox is opened by the real gpg and compared with what the case wants.
//
// A case is a txtar file in the folder cases. Its comment says what it shows; its sections are
//
//	config     lines of sealmilter's configuration that differ from the defaults
//	dialogue   what the client says (">") and what it must hear ("<")
//	message    a message for "> DATA message"; any other name will do as well
//	mailboxes  what each mailbox must hold in the end; those not named must be empty
//	hidden     "ADDR: TEXT", text that must be nowhere in that mailbox, encrypted or not
//	outside    "ADDR: LINE", a line that must be in the header that everybody sees of what is in that mailbox
//	inside     "ADDR: TEXT", text that must be in what was signed or encrypted, and outside of that only if it is not encrypted
//	envelope   "ADDR: PARAMETERS", the parameters of MAIL and RCPT with which a message reached the mailbox, but for SIZE,
//	           in any order; one line for each message, if there is one at all
//	introduced "ADDR: WHAT, WHAT", all that each message in that mailbox tells of keys, whose certificates gpg must take:
//	           "autocrypt ADDR" and "openpgp TEXT" outside, "gossip ADDR" inside of the encryption, and "attached" for
//	           alice's certificate; FINGERPRINT stands for that of alice's key
//
// The same cases run on every MTA. Where MTAs differ, a line of these sections but config and message begins with the
// name of the one it holds for, as in "[sendmail] < 503", or with "[!sendmail]" for all others, below a comment that says
// why. "[7bit]" is a next hop without 8BITMIME and SMTPUTF8, whose parameters an envelope then does not have. A line may
// have several conditions.
//
// The lines of a dialogue are SMTP commands, but for
//
//	> AUTH alice          log in; every login has its own name as password
//	> DATA message        send a section as message; the next "<" is the reply to its final dot
//	> DROP                close the connection without a word; the next command opens a new one
//	> sendmail message -f alice@example.org bob@example.net
//	                      submit a section on the MTA's host without SMTP, as root
//	> sendmail as games message bob@example.net
//	                      the same as another user of the host
//	> CONNECT as games    open the connection as that user; nothing is heard
//	> QUIT                end the session; the next command opens a new one, too
//	< 550 5.7.1 text      the reply must begin with the code and contain the rest
//	! the queue is empty  wait until nothing is left in the queue of the MTA
//	! the directory is down
//	                      the recipients' Web Key Directory answers 503, until it "is up"
//	! bob@example.net is refused 550 5.1.1 No such user
//	                      the next hop answers RCPT TO of the address so, until the end of the case
//
// The lines of mailboxes are "ADDR: FORM, FORM", one FORM for each message, in the order in which they are sent:
//
//	encrypted             encrypted to the mailbox's key alone and signed by alice
//	signed                clear text, signed by alice
//	encrypted second by eve@example.org
//	encrypted also archive@example.org also alice@example.org
//	                      to the keys of these as well, in this order; a notice can be so, too
//	encrypted unsigned
//	untouched             as it was submitted
//	notice                a delivery status notification of the milter, encrypted to the mailbox's key alone
//	report                a delivery status notification of the milter or the MTA, with nothing of Subject and body
//	bounce                one that may quote them, of a message in clear text
//
// Beside the configuration lie archive.asc, the certificate of archive@example.org, and retired.asc, which has expired.
//
// A second word that is the name of a section says which message it is. In messages {{hex 00ff}} stands for bytes,
// {{repeat 3 text}} for repeated text, and {{noise 5000}} for that many random bytes in base64.
// {{openpgp bob@example.net,dave@example.net text}} is an armored message with a text that gpg has encrypted to these
// mailboxes; one behind "hidden:" is not named in it. The certificate for S/MIME of frank@example.net is in the folder
// "smime".
package scenario

// Package interop has real mail programs read what the composer makes, and keeps tables of what they could. "make interop"
// draws the tables anew and fails unless docs/interop.md has them just so; "make interop UPDATE=1" writes them there.
//
// Rows are letters, in each form in which they can leave, and kinds of keys; columns are programs. GnuPG's gpg, Sequoia's sq
// and rnp decrypt and verify, and what comes out is compared with what was submitted, part by part. NeoMutt, Mutt and
// notmuch show the message to somebody: Subject, text, signature and the names of attachments are looked for where that
// person would see them. A cell is "yes" if all of that was so, and else says what was not.
//
// The programs are Debian's, unpacked in the cache folder and not installed, but for gpg, which is the machine's.
package interop

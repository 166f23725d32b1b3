// Package pgpmime makes PGP/MIME messages (RFC 3156) out of ordinary ones: signed ones (multipart/signed) and
// encrypted ones (multipart/encrypted), both with header protection (RFC 9788).
//
// A message is taken apart only as far as needed. What can travel as it is stays octet for octet; a part that
// cannot is given another transfer encoding, never another content. [Composer.Prepare] does this once, and every
// copy, signed or encrypted, carries the same text. Payloads differ in their header, and the text of encrypted copies has
// the fields that they hide at its top if [Composer.LegacyDisplay] is set.
//
// # Header protection
//
// Where each field goes is said in protect.go, what an encrypted copy hides in confidentiality.go. HP-Outer, and the
// parameters hp, hp-legacy-display and protected-headers, are never taken from the message.
//
// # The canonical form
//
// RFC 3156, section 3, wants everything signed in 7-bit form, and section 6 wants the same of what is signed and
// encrypted. In a payload no octet is above 127, none is NUL, CR and LF occur only together, no line is longer than
// 998 octets, ends in white space or begins with "From ". These are the exceptions:
//
//   - A part that is signed or encrypted already (multipart/signed, multipart/encrypted) may keep lines that end in
//     white space or begin with "From ": its own signature covers them, and the MTAs leave them alone. If it is not
//     7-bit it becomes the content of a message/global part in base64 (RFC 6532, section 3.7), which keeps its
//     octets, with the name message.eml. So does a forwarded message with such a part in it. A message that is such a
//     part as a whole is put into a multipart/mixed first, which has the protected header.
//   - A forwarded message that does not begin with a header field is treated like that, and so is what is in the fiftieth level of
//     parts in parts, or beyond the first five thousand parts, which is not looked into.
//   - What must not be encoded (message/partial, message/external-body) may keep such lines, too. If it is not 7-bit, the
//     message is refused. What is in an encoding from before MIME, such as uuencode, may keep them as well; if it is not
//     7-bit, its octets travel as application/octet-stream.
//   - An address with a UTF-8 local part stays as it is. It has no 7-bit form (RFC 6532), and its message travels
//     only where SMTPUTF8 is spoken.
//
// The frame of a multipart, its delimiters and the text before and behind them, is such that readers who write what was
// signed anew before they verify it write the same octets.
package pgpmime

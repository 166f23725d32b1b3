// Package release builds what is handed out: static programs, Debian packages, lists of what they are made of, and their
// checksums. The same commit and the same Go toolchain give the same octets, in whatever folder and at whatever time.
package release

// Package debian makes a Debian package of the program: the folder tree of it, what dpkg needs to know, and the scripts
// that dpkg runs. dpkg-deb(1) puts it together; the same input gives the same octets.
package debian

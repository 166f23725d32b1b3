// Package localuser finds the user of this host who is behind a TCP connection to the MTA: the kernel knows whose
// socket it is (proc(5), /proc/net/tcp).
package localuser

// Package localuser finds the user of this host who is behind a TCP connection to the MTA: the kernel knows whose
// socket it is. It is asked for the one socket by sock_diag(7), or where that cannot be, for all of them by
// /proc/net/tcp (proc(5)).
package localuser

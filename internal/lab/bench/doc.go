// Package bench measures what sealing costs, side by side with what others take for the same work. "make bench" prints the
// tables; "make bench UPDATE=1" writes them and their plots into docs/performance.md.
//
// Whatever is compared is measured in turns within one run, for a machine is not as fast at one time as at another: a
// [Row] has the ratio to its base round by round. Cost is processor time, user and system, of this process or of those
// that it starts, and of gpg's agent, which is neither.
//
// The other programs are Debian's, unpacked in the cache folder and not installed, but for gpg, which is the machine's.
package bench

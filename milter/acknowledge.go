package milter

import (
	"net"
	"syscall"
)

// acknowledgeAtOnce makes the kernel acknowledge what comes next without a delay. An MTA sends macros and the event they
// belong to one after the other and has no answer to the first: sendmail then waits with the second for the kernel's
// delayed acknowledgement, 40 ms at each event (RFC 1122, section 4.2.3.4). So does Postfix with all that it sends of a
// message without an answer in between. The kernel forgets the wish by and by, so it is made before each read. That it
// cannot be met is no error: all still works.
func acknowledgeAtOnce(nc net.Conn) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return // a Unix socket knows no such delay
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	})
}

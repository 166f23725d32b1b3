package keys

// What the tests of the remote sources look at one by one.
var (
	EscapeQuery = escapeQuery
	IsPolicy    = isPolicy
	IsPublic    = isPublic
	ParseServer = parseServer
	RetryAfter  = retryAfter
)

// UsesProxy reports whether requests may go to somebody else than the host that is asked.
func UsesProxy(f *Fetcher) bool { return f.transport.Proxy != nil }

const DefaultPause, MaxPause = defaultPause, maxPause

package keys

// What the tests of the remote sources look at one by one.
var (
	EscapeQuery = escapeQuery
	IsPolicy    = isPolicy
	IsPublic    = isPublic
	ParseServer = parseServer
	RetryAfter  = retryAfter
)

const DefaultPause, MaxPause = defaultPause, maxPause

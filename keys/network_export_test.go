package keys

// What the tests of the remote sources look at one by one.
var (
	EscapeQuery = escapeQuery
	IsPublic    = isPublic
	RetryAfter  = retryAfter
)

const DefaultPause, MaxPause = defaultPause, maxPause

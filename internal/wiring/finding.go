package wiring

// State says how bad a finding is. The zero State is none of them.
type State string

// The states of a finding.
const (
	OK      State = "ok"
	Warning State = "warning" // mail may be late, refused or not what somebody expects
	Error   State = "error"   // clear text may leave, or mail is not sealed at all
)

// Finding is one statement about the mail server's settings.
type Finding struct {
	State State
	// Topic says what it is about, in a word or two; Detail is what was found and what that means.
	Topic, Detail string
	// Mend is what to type or change, "" if there is nothing to do.
	Mend string
}

// findings collects statements on one topic after the other.
type findings []Finding

func (f *findings) ok(topic, detail string) { f.add(OK, topic, detail, "") }

func (f *findings) warning(topic, detail, mend string) { f.add(Warning, topic, detail, mend) }

func (f *findings) error(topic, detail, mend string) { f.add(Error, topic, detail, mend) }

func (f *findings) add(state State, topic, detail, mend string) {
	*f = append(*f, Finding{state, topic, detail, mend})
}

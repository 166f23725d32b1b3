// Package gate decides what each envelope recipient of a message gets, and carries that out. The decision is a pure
// table (policy.go) over facts that are gathered without side effects (plan.go); what was not decided does not leave.
package gate

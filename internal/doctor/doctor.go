package doctor

import (
	"context"
	"fmt"
)

// Status is the result of a check.
type Status string

// The statuses. A server works despite a warning. A failure means that it does not start, or that it is useless.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Finding is the result of one check, with an explanation.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"` // what to do about it; "" if Status is OK
}

// Options holds the settings of the server to check.
type Options struct {
	Listen  string // host:port
	DataDir string
	NodeIP  string // "" means that media is offered on the machine's own addresses
}

// Examine runs all checks and returns their findings, in the order in which an operator would check.
func Examine(ctx context.Context, o Options) []Finding {
	running := Serving(ctx, o.Listen)
	findings := []Finding{checkDataFolder(o.DataDir), checkDiskSpace(o.DataDir), checkTCPPort(o.Listen, running), checkUDPPort(o.Listen, running)}
	findings = append(findings, checkAddress(o.Listen, o.NodeIP), checkClock(), checkOpenFiles(), checkSocketBuffers(), checkSegmentOffload())
	return findings
}

// finding returns an OK finding. Use withAdvice for any other status.
func finding(check, format string, args ...any) Finding {
	return Finding{check, OK, fmt.Sprintf(format, args...), ""}
}

// withAdvice returns the finding with another status and advice.
func (f Finding) withAdvice(s Status, advice string) Finding {
	f.Status, f.Advice = s, advice
	return f
}

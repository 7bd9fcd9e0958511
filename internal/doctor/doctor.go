package doctor

import (
	"context"
	"fmt"
)

// Status is how a check ended.
type Status string

// A server starts in spite of a warning, and not, or not usefully, in spite of a failure.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Finding is what one check found.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"` // what to do about it
}

// Options are the settings of the server that is to run.
type Options struct {
	Listen  string // host:port
	DataDir string
	NodeIP  string // "" when it offers media on the machine's own addresses
}

// Examine makes every check, in the order in which an operator would.
func Examine(ctx context.Context, o Options) []Finding {
	running := Serving(ctx, o.Listen)
	findings := []Finding{checkDataFolder(o.DataDir), checkDiskSpace(o.DataDir), checkTCPPort(o.Listen, running), checkUDPPort(o.Listen, running)}
	findings = append(findings, checkAddress(o.Listen, o.NodeIP), checkClock(), checkOpenFiles(), checkSocketBuffers(), checkSegmentOffload())
	return findings
}

func finding(check, format string, args ...any) Finding {
	return Finding{check, OK, fmt.Sprintf(format, args...), ""}
}

func (f Finding) withAdvice(s Status, advice string) Finding {
	f.Status, f.Advice = s, advice
	return f
}

package agent

import (
	"fmt"
	"unicode"

	"github.com/livekit/protocol/livekit"

	"meet/internal/fault"
)

const (
	// maxDispatches bounds the number of dispatches of a room. maxJobs bounds the number of jobs stored in a dispatch,
	// including ended jobs.
	maxDispatches = 64
	maxJobs       = 4096
	// maxName is the largest length in bytes of an agent's name and of its namespace. The names of rooms and participants
	// have the same limit. maxDeployment is the largest length in bytes of a deployment's name, as in LiveKit.
	maxName, maxDeployment = 256, 64
	// maxMetadata is the largest size of an agent's metadata, in bytes. maxAttributes is the largest total size of its
	// attributes, in bytes. Participants have the same limits (docs/protocol.md, 0.4).
	maxMetadata, maxAttributes = 512 << 10, 64 << 10
)

// Check returns an error if there are too many agents for one room, or if the dispatch of one of them is not valid.
func (d *Dispatcher) Check(agents []*livekit.RoomAgentDispatch) error {
	if len(agents) > maxDispatches {
		return errTooMany
	}
	for _, a := range agents {
		if err := validate(newDispatch("", a)); err != nil {
			return err
		}
	}
	return nil
}

// newDispatch returns the dispatch for an agent in a room's configuration.
func newDispatch(room string, a *livekit.RoomAgentDispatch) *livekit.AgentDispatch {
	return &livekit.AgentDispatch{
		AgentName: a.GetAgentName(), Room: room, Metadata: a.GetMetadata(), RestartPolicy: a.GetRestartPolicy(), Deployment: a.GetDeployment(), Attributes: a.GetAttributes(),
	}
}

// validate returns an error if a field of the dispatch is too large, or if the deployment's name is not allowed.
func validate(a *livekit.AgentDispatch) error {
	size := 0
	for k, v := range a.Attributes {
		size += len(k) + len(v)
	}
	switch {
	case len(a.Metadata) > maxMetadata:
		return fault.New(fault.Invalid, fmt.Sprintf("the agent's metadata has %d bytes; at most %d are allowed", len(a.Metadata), maxMetadata))
	case size > maxAttributes:
		return fault.New(fault.Invalid, fmt.Sprintf("the agent's attributes have %d bytes; at most %d are allowed", size, maxAttributes))
	}
	return validateName(a.AgentName, "", a.Deployment)
}

// validateName returns an error if an agent's name or namespace is too long, or its deployment's name is not allowed. A
// deployment is one of several versions of an agent that run at the same time.
func validateName(name, namespace, deployment string) error {
	switch {
	case len(name) > maxName:
		return fault.New(fault.Invalid, fmt.Sprintf("the agent's name has %d bytes; at most %d are allowed", len(name), maxName))
	case len(namespace) > maxName:
		return fault.New(fault.Invalid, fmt.Sprintf("the agent's namespace has %d bytes; at most %d are allowed", len(namespace), maxName))
	case len(deployment) > maxDeployment:
		return fault.New(fault.Invalid, fmt.Sprintf("the deployment's name has %d bytes; at most %d are allowed", len(deployment), maxDeployment))
	}
	for _, c := range deployment {
		if c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '-' && c != '.' {
			return fault.New(fault.Invalid, "a deployment's name has letters, digits, dashes and dots only")
		}
	}
	return nil
}

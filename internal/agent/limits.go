package agent

import (
	"fmt"
	"unicode"

	"github.com/livekit/protocol/livekit"

	"meet/internal/fault"
)

const (
	// maxDispatches bounds the dispatches of a room. maxJobs bounds the jobs stored in a dispatch, ended ones
	// included.
	maxDispatches = 64
	maxJobs       = 4096
	// maxName bounds the agent's name and namespace in bytes, like the names of rooms and participants. maxDeployment
	// bounds the deployment's name in bytes, as in LiveKit.
	maxName, maxDeployment = 256, 64
	// maxMetadata and maxAttributes bound an agent's metadata and the sum of its attributes in bytes, as for
	// participants (docs/protocol.md, 0.4).
	maxMetadata, maxAttributes = 512 << 10, 64 << 10
)

// Check returns an error if a room must not be created with these agents.
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

// validate returns an error if a field of the dispatch exceeds its limit.
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

// validateName returns an error if an agent's name, namespace or deployment is not allowed. A deployment is a version
// of an agent that runs beside other versions.
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

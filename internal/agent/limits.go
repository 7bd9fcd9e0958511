package agent

import (
	"fmt"
	"unicode"

	"github.com/livekit/protocol/livekit"

	"meet/internal/fault"
)

const (
	// maxDispatches bounds those of one room, maxJobs the jobs that one of them remembers.
	maxDispatches = 64
	maxJobs       = 4096
	// maxName bounds an agent's name and namespace, as those of rooms and participants; maxDeployment is LiveKit's bound. In
	// bytes.
	maxName, maxDeployment = 256, 64
	// Metadata and attributes for agents have the bounds of those of participants (docs/protocol.md, 0.4). In bytes.
	maxMetadata, maxAttributes = 512 << 10, 64 << 10
)

// Check tells what is wrong with the agents that a room is to be made with.
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

// ordered is the dispatch that a room's configuration asks for.
func newDispatch(room string, a *livekit.RoomAgentDispatch) *livekit.AgentDispatch {
	return &livekit.AgentDispatch{
		AgentName: a.GetAgentName(), Room: room, Metadata: a.GetMetadata(), RestartPolicy: a.GetRestartPolicy(), Deployment: a.GetDeployment(), Attributes: a.GetAttributes(),
	}
}

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

// validateName tells what is wrong with the name of an agent, its namespace, or a version of it that runs beside others.
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

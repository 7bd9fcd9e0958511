package site

import "context"

// Event returns the event that a stream would send now.
func (s *Site) Event(ctx context.Context) ([]byte, error) {
	current, err := s.snapshots.current(ctx)
	if err != nil {
		return nil, err
	}
	return current.event, nil
}

// NewStreams creates a stream counter with these bounds, and returns its method acquire.
func NewStreams(total, each int) func(network string) (leave func(), err error) {
	return newStreams(total, each).acquire
}

const (
	MaxListBytes         = maxListBytes
	MaxStreamsPerNetwork = maxStreamsPerNetwork
	SnapshotInterval     = minSnapshotInterval
)

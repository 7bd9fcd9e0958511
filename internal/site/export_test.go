package site

import "context"

// Event returns the event that a stream would send.
func (s *Site) Event(ctx context.Context) ([]byte, error) {
	current, err := s.snapshots.current(ctx)
	if err != nil {
		return nil, err
	}
	return current.event, nil
}

// NewStreams counts event streams, that many in total and of each network.
func NewStreams(total, each int) func(network string) (leave func(), err error) {
	return newStreams(total, each).enter
}

const (
	MaxListBytes    = maxListBytes
	MaxStreamsOfOne = maxStreamsOfOne
	Pause           = pause
)

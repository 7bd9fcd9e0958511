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

// Compress is compress.
var Compress = compress

const (
	MaxListBytes         = maxListBytes
	MaxStreamsPerNetwork = maxStreamsPerNetwork
	SnapshotInterval     = minSnapshotInterval
)

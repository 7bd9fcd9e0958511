package store

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	// snapshotTimeout bounds how long one call of Snapshot may block writes. A queue of 1 GB takes a few seconds.
	snapshotTimeout = 2 * time.Minute
	// chunkWait is how long the embedded server may take to send the next part of a snapshot.
	chunkWait = 10 * time.Second
	// maxHeader is the maximum size in bytes of the header of a snapshot. A header has about 1 KB.
	maxHeader = 1 << 20
)

// ErrSnapshot is returned for a snapshot that Restore cannot read.
var ErrSnapshot = errors.New("the copy of a stream is damaged")

// snapshotHeader is the first line of a snapshot, as JSON. The compressed messages and consumers of the stream follow it,
// in the format of NATS.
type snapshotHeader struct {
	Config *server.StreamConfig `json:"config"`
}

// Snapshot copies each stream, which is a bucket or a queue, to the writer that create returns for it, and closes the
// writer. Restore reads these copies.
//
// Writes wait until Snapshot returns. The copies therefore contain the state of all streams at one time, with every
// write that was acknowledged before the call. Without this, the copy of a bucket would lack each record that is
// replaced while NATS copies the bucket: the copy ends at the last message that existed at its start, and the replaced
// message is deleted.
func (s *Store) Snapshot(ctx context.Context, create func(stream string) (io.WriteCloser, error)) error {
	ctx, cancel := context.WithTimeout(ctx, snapshotTimeout)
	defer cancel()
	s.writes.Lock()
	defer s.writes.Unlock()
	list := s.js.StreamNames(ctx)
	var names []string
	for name := range list.Name() {
		names = append(names, name)
	}
	if err := list.Err(); err != nil {
		return fmt.Errorf("list the streams: %w", err)
	}
	for _, name := range names {
		w, err := create(name)
		if err != nil {
			return err
		}
		if err := errors.Join(s.snapshotStream(ctx, name, w), w.Close()); err != nil {
			return fmt.Errorf("copy stream %s: %w", name, err)
		}
	}
	return nil
}

// snapshotStream writes the copy of one stream.
func (s *Store) snapshotStream(ctx context.Context, name string, w io.Writer) error {
	chunks, err := s.conn.SubscribeSync(s.conn.NewInbox())
	if err != nil {
		return err
	}
	defer func() { _ = chunks.Unsubscribe() }() // fails only if the connection is closed
	request, err := json.Marshal(server.JSApiStreamSnapshotRequest{DeliverSubject: chunks.Subject})
	if err != nil {
		return err
	}
	reply, err := s.conn.RequestWithContext(ctx, fmt.Sprintf(server.JSApiStreamSnapshotT, name), request)
	if err != nil {
		return err
	}
	var answer server.JSApiStreamSnapshotResponse
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return answer.Error
	}
	if err := json.NewEncoder(w).Encode(snapshotHeader{answer.Config}); err != nil {
		return err
	}
	return copyChunks(ctx, w, chunks)
}

// copyChunks writes the parts of a snapshot, and acknowledges each, until the empty message that ends the snapshot.
func copyChunks(ctx context.Context, w io.Writer, chunks *nats.Subscription) error {
	for {
		m, err := nextChunk(ctx, chunks)
		if err != nil {
			return err
		}
		if len(m.Data) == 0 {
			if status := m.Header.Get("Status"); status != "" && !strings.HasPrefix(status, "2") {
				return fmt.Errorf("the embedded server stopped: %s %s", status, m.Header.Get("Description"))
			}
			return nil
		}
		if _, err := w.Write(m.Data); err != nil {
			return err
		}
		if m.Reply == "" {
			continue
		}
		if err := m.Respond(nil); err != nil {
			return err
		}
	}
}

// nextChunk waits for the next part of a snapshot.
func nextChunk(ctx context.Context, chunks *nats.Subscription) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, chunkWait)
	defer cancel()
	return chunks.NextMsgWithContext(ctx)
}

// Restore creates a stream from the copy that Snapshot made of it. It fails if the store already has this stream.
func (s *Store) Restore(r io.Reader) error {
	buffered := bufio.NewReader(r)
	header, err := readSnapshotHeader(buffered)
	if err != nil {
		return err
	}
	stream, err := s.server.GlobalAccount().RestoreStreamV2(header.Config, buffered)
	if err != nil {
		return fmt.Errorf("restore stream %s: %w", header.Config.Name, err)
	}
	if stream == nil {
		return fmt.Errorf("restore stream %s: %w", header.Config.Name, ErrSnapshot)
	}
	return nil
}

// readSnapshotHeader reads the first line of a snapshot.
func readSnapshotHeader(r *bufio.Reader) (snapshotHeader, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxHeader || err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return snapshotHeader{}, ErrSnapshot
		}
		if err == nil {
			break
		}
	}
	var header snapshotHeader
	if err := json.Unmarshal(line, &header); err != nil || header.Config == nil || header.Config.Name == "" {
		return snapshotHeader{}, ErrSnapshot
	}
	return header, nil
}

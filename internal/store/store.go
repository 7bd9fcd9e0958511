package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// startTimeout bounds how long the start may take. A start after a crash may have to recover a large folder. A normal
// start takes tens of milliseconds.
const startTimeout = 30 * time.Second

// maxRecord is the largest record in bytes. The default of NATS, 1 MB, is close to the size of a meeting of a thousand
// people.
const maxRecord = 8 << 20

// Options configures a store.
type Options struct {
	Dir string       // folder in which the store creates the subfolder "jetstream"; required
	Log *slog.Logger // receives the warnings of the embedded server; nil drops them
}

// Store is an open store.
type Store struct {
	server *server.Server
	conn   *nats.Conn
	js     jetstream.JetStream

	// writes is held for reading by each write, and for writing while Snapshot copies the streams.
	writes sync.RWMutex
}

// Open starts the embedded server on the folder and waits until it responds.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ns, err := server.NewServer(&server.Options{
		ServerName:             "meet",
		DontListen:             true,
		JetStream:              true,
		StoreDir:               o.Dir,
		SyncAlways:             true,
		MaxPayload:             maxRecord,
		NoSigs:                 true, // package app handles signals
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("set up store: %w", err)
	}
	lines := &serverLog{log: o.Log}
	ns.SetLoggerV2(lines, false, false, false)
	s := &Store{server: ns}
	ns.Start()
	err = lines.fatalError() // Start reports an unusable folder only to its logger
	if err == nil {
		err = s.connect(ctx)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("open store in %s: %w", o.Dir, err)
	}
	return s, nil
}

// connect waits for the embedded server and connects to it.
func (s *Store) connect(ctx context.Context) (err error) {
	if !s.server.ReadyForConnections(startTimeout) {
		return errors.New("the embedded server did not start")
	}
	if s.conn, err = nats.Connect("", nats.InProcessServer(s.server), nats.MaxReconnects(-1)); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if s.js, err = jetstream.New(s.conn); err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	if _, err = s.js.AccountInfo(ctx); err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	return nil
}

// Close stops the embedded server and returns when everything is on the disk.
func (s *Store) Close() {
	if s.conn != nil {
		s.conn.Close()
	}
	s.server.Shutdown()
	s.server.WaitForShutdown()
}

// Ping returns an error if the store does not respond.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.js.AccountInfo(ctx); err != nil {
		return fmt.Errorf("ping the store: %w", err)
	}
	return nil
}

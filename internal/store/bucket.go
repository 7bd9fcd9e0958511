package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrNotFound is the error for a key that has no record.
var ErrNotFound = errors.New("no such record")

// Bucket holds records of one type by key. Keys consist of letters, digits and the characters - _ = . /
type Bucket[T any] struct {
	name  string
	kv    jetstream.KeyValue
	store *Store
}

// Entry is one record of a bucket.
type Entry[T any] struct {
	Key   string
	Value T
}

// OpenBucket opens the bucket with this name, or creates it.
func OpenBucket[T any](ctx context.Context, s *Store, name string) (*Bucket[T], error) {
	kv, err := s.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: name, Storage: jetstream.FileStorage, History: 1})
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", name, err)
	}
	return &Bucket[T]{name, kv, s}, nil
}

// Get returns the record with this key, or ErrNotFound.
func (b *Bucket[T]) Get(ctx context.Context, key string) (T, error) {
	var v T
	e, err := b.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return v, ErrNotFound
	}
	if err != nil {
		return v, fmt.Errorf("read %s/%s: %w", b.name, key, err)
	}
	return b.decode(e)
}

// Put writes a record. When it returns nil, the record is on the disk.
func (b *Bucket[T]) Put(ctx context.Context, key string, v T) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s/%s: %w", b.name, key, err)
	}
	b.store.writes.RLock()
	defer b.store.writes.RUnlock()
	if _, err := b.kv.Put(ctx, key, text); err != nil {
		return fmt.Errorf("write %s/%s: %w", b.name, key, err)
	}
	return nil
}

// Delete removes a record. Deleting a record that does not exist is not an error.
func (b *Bucket[T]) Delete(ctx context.Context, key string) error {
	b.store.writes.RLock()
	defer b.store.writes.RUnlock()
	if err := b.kv.Purge(ctx, key); err != nil {
		return fmt.Errorf("delete %s/%s: %w", b.name, key, err)
	}
	return nil
}

// List returns all records, ordered by the time of their last write.
func (b *Bucket[T]) List(ctx context.Context) ([]Entry[T], error) {
	w, err := b.kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", b.name, err)
	}
	defer func() { _ = w.Stop() }() // nothing is lost if it fails
	var all []Entry[T]
	for {
		select {
		case e := <-w.Updates():
			if e == nil { // the watcher sends nil after the last existing record
				return all, nil
			}
			v, err := b.decode(e)
			if err != nil {
				return nil, err
			}
			all = append(all, Entry[T]{e.Key(), v})
		case <-ctx.Done():
			return nil, fmt.Errorf("list %s: %w", b.name, ctx.Err())
		}
	}
}

// Compact removes the tombstones of deleted records.
func (b *Bucket[T]) Compact(ctx context.Context) error {
	b.store.writes.RLock()
	defer b.store.writes.RUnlock()
	if err := b.kv.PurgeDeletes(ctx, jetstream.DeleteMarkersOlderThan(-1)); err != nil {
		return fmt.Errorf("compact %s: %w", b.name, err)
	}
	return nil
}

// decode parses the JSON of a record.
func (b *Bucket[T]) decode(e jetstream.KeyValueEntry) (v T, err error) {
	if err := json.Unmarshal(e.Value(), &v); err != nil {
		return v, fmt.Errorf("decode %s/%s: %w", b.name, e.Key(), err)
	}
	return v, nil
}

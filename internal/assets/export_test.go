package assets

import "time"

// WithSteps calls f as a change comes along.
func (s *Store) WithSteps(f func(step string)) *Store {
	s.onStep = f
	return s
}

// Hasty does not wait long for servers, nor before it asks again.
func (u *Updater) WithShortTimeouts() *Updater {
	u.stallTimeout, u.retryDelay = 200*time.Millisecond, time.Millisecond
	return u
}

const Retention = retention

// Retire makes a build of the shelf one that was replaced that long ago.
func (s *Store) Retire(id string, ago time.Duration) error {
	r, err := s.read()
	if err != nil {
		return err
	}
	if r.Retired == nil {
		r.Retired = map[string]time.Time{}
	}
	r.Retired[id] = time.Now().Add(-ago)
	return s.write(r)
}

// Verify exports verify to tests.
func (k *Key) Verify(manifest, signature []byte) error { return k.verify(manifest, signature) }

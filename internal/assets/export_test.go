package assets

import "time"

// WithSteps makes the store call f at each step of a change.
func (s *Store) WithSteps(f func(step string)) *Store {
	s.onStep = f
	return s
}

// WithShortTimeouts shortens the timeout of transfers and the delay before retries.
func (u *Updater) WithShortTimeouts() *Updater {
	u.stallTimeout, u.retryDelay = 200*time.Millisecond, time.Millisecond
	return u
}

const Retention = retention

// Retire records that the build with the given ID was replaced by another one at time.Now().Add(-ago).
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

// Verify exports verify for tests.
func (k *Key) Verify(manifest, signature []byte) error { return k.verify(manifest, signature) }

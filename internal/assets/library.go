package assets

// Library is the builds that a running server serves.
type Library struct {
	embedded *Build
}

// NewLibrary returns one that has the embedded build.
func NewLibrary(embedded *Build) *Library { return &Library{embedded: embedded} }

// Current is the build that new pages use.
func (l *Library) Current() *Build { return l.embedded }

// With returns the newest build that has the file, or nil.
func (l *Library) With(file string) *Build {
	if _, ok := l.embedded.File(file); ok {
		return l.embedded
	}
	return nil
}

package loadtest

import (
	"strings"

	"github.com/livekit/protocol/livekit"
)

// Layout is a subscriber's screen: the numbers of tiles for the high, medium and low quality. If there are fewer
// video tracks than tiles, the last tiles stay empty.
type Layout struct{ High, Medium, Low int }

// layouts are the layouts of LiveKit's load tester.
var layouts = []struct {
	name string
	Layout
}{
	{"speaker", Layout{High: 1, Low: 5}}, {"3x3", Layout{Medium: 9}}, {"4x4", Layout{Low: 16}}, {"5x5", Layout{Low: 25}},
}

// LayoutByName returns the layout with this name.
func LayoutByName(name string) (Layout, bool) {
	for _, l := range layouts {
		if l.name == name {
			return l.Layout, true
		}
	}
	return Layout{}, false
}

// LayoutNames returns the names of all layouts, separated by commas.
func LayoutNames() string {
	var names []string
	for _, l := range layouts {
		names = append(names, l.name)
	}
	return strings.Join(names, ", ")
}

// EqualTiles returns a layout of n tiles of the same size. The larger n is, the lower is the quality for which the
// tiles are large enough.
func EqualTiles(n int) Layout {
	switch {
	case n <= 1:
		return Layout{High: n}
	case n <= 4:
		return Layout{Medium: n}
	}
	return Layout{Low: n}
}

// qualities returns the qualities of the shown tracks, highest first, in a room with this number of video tracks.
func (l Layout) qualities(tracks int) (qualities []livekit.VideoQuality) {
	for _, row := range []struct {
		n       int
		quality livekit.VideoQuality
	}{{l.High, livekit.VideoQuality_HIGH}, {l.Medium, livekit.VideoQuality_MEDIUM}, {l.Low, livekit.VideoQuality_LOW}} {
		for range min(row.n, tracks-len(qualities)) {
			qualities = append(qualities, row.quality)
		}
	}
	return qualities
}

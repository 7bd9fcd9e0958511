package loadtest

import (
	"strings"

	"github.com/livekit/protocol/livekit"
)

// Layout is a subscriber's screen: how many places for pictures it has, by the layer that fits them. Where fewer people
// publish, the last places stay empty.
type Layout struct{ High, Medium, Low int }

// layouts are those of LiveKit's load tester, by name.
var layouts = []struct {
	name string
	Layout
}{
	{"speaker", Layout{High: 1, Low: 5}}, {"3x3", Layout{Medium: 9}}, {"4x4", Layout{Low: 16}}, {"5x5", Layout{Low: 25}},
}

// LayoutByName finds a layout by its name.
func LayoutByName(name string) (Layout, bool) {
	for _, l := range layouts {
		if l.name == name {
			return l.Layout, true
		}
	}
	return Layout{}, false
}

// LayoutNames are the names, for a message.
func LayoutNames() string {
	var names []string
	for _, l := range layouts {
		names = append(names, l.name)
	}
	return strings.Join(names, ", ")
}

// EqualTiles is a screen of so many equal places.
func EqualTiles(n int) Layout {
	switch {
	case n <= 1:
		return Layout{High: n}
	case n <= 4:
		return Layout{Medium: n}
	}
	return Layout{Low: n}
}

// qualities is the layers of so many pictures on the screen, largest first.
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

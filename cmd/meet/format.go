package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// maxCellLength is in characters: more pushes the other columns off a terminal.
const maxCellLength = 48

// printTable prints rows under a heading, in columns.
func printTable(env environment, heading []string, rows [][]string) error {
	t := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{heading}, rows...) {
		for i, text := range row {
			row[i] = tableCell(text)
		}
		if _, err := fmt.Fprintln(t, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return t.Flush()
}

// tableCell makes one line of a terminal of what a stranger wrote: no control character reaches it, nor what turns the
// direction of text, and what is too long is cut.
func tableCell(s string) string {
	s = printable(s)
	if chars := []rune(s); len(chars) > maxCellLength {
		s = string(chars[:maxCellLength-1]) + "…"
	}
	if s == "" {
		return "-"
	}
	return s
}

// printable replaces what a terminal would act on instead of showing it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
}

// formatDuration says how long something takes in its two largest units, as people do: 3d4h, 5h2m, 45s.
func formatDuration(d time.Duration) string {
	d = max(0, d.Round(time.Second))
	units := []struct {
		name string
		unit time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	for i, u := range units {
		if d < u.unit {
			continue
		}
		text := fmt.Sprintf("%d%s", d/u.unit, u.name)
		if i+1 < len(units) {
			if rest := d % u.unit / units[i+1].unit; rest > 0 {
				text += fmt.Sprintf("%d%s", rest, units[i+1].name)
			}
		}
		return text
	}
	return "0s"
}

// formatSeconds is span of what LiveKit's messages count in seconds.
func formatSeconds(n uint32) string { return formatDuration(time.Duration(n) * time.Second) }

// formatAge says how long ago something was that a server dates. A server that does not date it sends 0.
func formatAge(unixMilli int64, now time.Time) string {
	if unixMilli == 0 {
		return ""
	}
	ago := now.Sub(time.UnixMilli(unixMilli))
	if ago < time.Second { // or in the future, by a clock that goes wrong
		return "just now"
	}
	return formatDuration(ago) + " ago"
}

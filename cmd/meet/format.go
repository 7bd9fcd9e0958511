package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// maxCellLength is the longest table cell in characters. Longer cells would move the other columns out of the
// terminal.
const maxCellLength = 48

// printTable prints a heading and rows, aligned in columns.
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

// tableCell returns s as a cell of one line. Control characters and characters that change the text direction are
// replaced, and a long text is cut, because s may come from a stranger.
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

// printable replaces characters that a terminal would interpret instead of showing.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
}

// formatDuration formats a duration in its two largest units, such as 3d4h, 5h2m or 45s.
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

// formatSeconds formats a number of seconds, the unit of LiveKit's messages.
func formatSeconds(n uint32) string { return formatDuration(time.Duration(n) * time.Second) }

// formatAge formats the time that has passed since a server's timestamp, in milliseconds since 1970. It returns ""
// for 0, which a server sends if it has no timestamp.
func formatAge(unixMilli int64, now time.Time) string {
	if unixMilli == 0 {
		return ""
	}
	ago := now.Sub(time.UnixMilli(unixMilli))
	if ago < time.Second { // or in the future, if the clocks differ
		return "just now"
	}
	return formatDuration(ago) + " ago"
}

package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// longestCell is in characters: more pushes the other columns off a terminal.
const longestCell = 48

// printTable prints rows under a heading, in columns.
func printTable(w world, heading []string, rows [][]string) error {
	t := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{heading}, rows...) {
		for i, text := range row {
			row[i] = cell(text)
		}
		if _, err := fmt.Fprintln(t, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return t.Flush()
}

// cell makes one line of a terminal of what a stranger wrote: no control character reaches it, nor what turns the
// direction of text, and what is too long is cut.
func cell(s string) string {
	s = printable(s)
	if chars := []rune(s); len(chars) > longestCell {
		s = string(chars[:longestCell-1]) + "…"
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

// span says how long something takes in its two largest units, as people do: 3d4h, 5h2m, 45s.
func span(d time.Duration) string {
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

// seconds is span of what LiveKit's messages count in seconds.
func seconds(n uint32) string { return span(time.Duration(n) * time.Second) }

// since says how long ago something was that a server dates. A server that does not date it sends 0.
func since(unixMilli int64, now time.Time) string {
	if unixMilli == 0 {
		return ""
	}
	ago := now.Sub(time.UnixMilli(unixMilli))
	if ago < time.Second { // or in the future, by a clock that goes wrong
		return "just now"
	}
	return span(ago) + " ago"
}

package main

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"meet/internal/config"
)

func TestFormatDurationShowsAtMostTwoUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", -time.Hour: "0s", 400 * time.Millisecond: "0s", 45 * time.Second: "45s", time.Minute: "1m", 90 * time.Second: "1m30s",
		5*time.Hour + 2*time.Minute + 3*time.Second: "5h2m", 2 * time.Hour: "2h", 24*time.Hour + 5*time.Minute: "1d", 76 * time.Hour: "3d4h",
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("formatDuration(%v) = %q, want %q", d, got, want)
		}
	}
	now := time.UnixMilli(1_000_000_000)
	for at, want := range map[int64]string{0: "", now.UnixMilli() - 61_000: "1m1s ago", now.UnixMilli() + 5000: "just now"} {
		if got := formatAge(at, now); got != want {
			t.Errorf("formatAge(%d) = %q, want %q", at, got, want)
		}
	}
}

func TestWholeSecondsErrorNamesTheFlag(t *testing.T) {
	for text, want := range map[string]uint32{"": 0, "90": 90, "2h": 7200, "49710d": 4294944000} {
		if got, err := wholeSeconds("--x", text); err != nil || got != want {
			t.Errorf("wholeSeconds(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"soon", "0", "-1", "10ms", "49711d"} {
		if got, err := wholeSeconds("--x", text); err == nil || !strings.HasPrefix(err.Error(), "--x: ") {
			t.Errorf("wholeSeconds(%q) = %d, %v; want an error that names the flag", text, got, err)
		}
	}
}

func FuzzTableCellIsShortAndPrintable(f *testing.F) {
	f.Add("ada")
	f.Add("\x1b[2J\u202e\n\t")
	f.Add(strings.Repeat("å", maxCellLength+1))
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > 4*maxCellLength {
			return // minimising longer inputs takes minutes
		}
		out := tableCell(in)
		if out == "" || utf8.RuneCountInString(out) > maxCellLength {
			t.Fatalf("tableCell(%q) = %q", in, out)
		}
		for _, r := range out {
			if !unicode.IsPrint(r) {
				t.Fatalf("tableCell(%q) contains %q", in, r)
			}
		}
	})
}

func TestRoomAndIdentityComeFromFlagsOrArguments(t *testing.T) {
	for _, tc := range []struct {
		name           string
		flags, args    [2]string
		room, identity string
		err            string
	}{
		{"arguments", [2]string{}, [2]string{"r", "i"}, "r", "i", ""},
		{"flags", [2]string{"r", "i"}, [2]string{}, "r", "i", ""},
		{"room flag and an argument", [2]string{"r", ""}, [2]string{"i", ""}, "r", "i", ""},
		{"identity flag and an argument", [2]string{"", "i"}, [2]string{"r", ""}, "r", "i", ""},
		{"no arguments", [2]string{}, [2]string{}, "", "", "--room: got no value"},
		{"room only", [2]string{}, [2]string{"r", ""}, "r", "", "--identity: got no value"},
		{"too many arguments", [2]string{"r", "i"}, [2]string{"j", ""}, "r", "i", `--identity: got "i" and "j"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			room, identity, err := participantTarget{Room: tc.flags[0], Identity: tc.flags[1], RoomArg: tc.args[0], IdentityArg: tc.args[1]}.names()
			if room != tc.room || identity != tc.identity {
				t.Errorf("%q, %q; want %q, %q", room, identity, tc.room, tc.identity)
			}
			if (err == nil) != (tc.err == "") || (err != nil && !strings.HasPrefix(err.Error(), tc.err)) {
				t.Errorf("%v, want %q", err, tc.err)
			}
		})
	}
}

func TestServerAddressPrefersTheFlagToTheSettings(t *testing.T) {
	for _, tc := range []struct{ url, livekitURL, listen, want string }{
		{"wss://a", "wss://b", ":8080", "wss://a"},
		{"", "wss://b", ":8080", "wss://b"},
		{"", "", ":8080", "http://localhost:8080"},
		{"", "", "0.0.0.0:9000", "http://localhost:9000"},
		{"", "", "[::]:9000", "http://localhost:9000"},
		{"", "", "127.0.0.1:9000", "http://127.0.0.1:9000"},
		{"", "", "[::1]:9000", "http://[::1]:9000"},
		{"", "", ":0", ""},
	} {
		got, err := serverAddress(tc.url, config.Config{LiveKitURL: tc.livekitURL, Listen: tc.listen})
		if got != tc.want || (err != nil) != (tc.want == "") {
			t.Errorf("%+v: %q, %v", tc, got, err)
		}
	}
}

func TestAThousandGeneratedNamesAllDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		seen[unusedName("cli-")] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d names of 1000", len(seen))
	}
}

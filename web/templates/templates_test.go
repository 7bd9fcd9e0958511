package templates

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// noon is the time of all events on the tested pages.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// shell returns a Shell, the data that all pages have in common, with made-up addresses of style sheets and scripts.
func shell(title string) Shell {
	return Shell{
		Title:       title,
		Description: "Meet & talk",
		Assets: Assets{
			Styles:   []Asset{{"/static/assets/page.css", "sha256-css"}},
			Scripts:  []Asset{{"/static/assets/page.js", "sha256-js"}},
			Preloads: []Asset{{"/static/assets/shared.js", "sha256-shared"}, {"/static/assets/text.woff2", "sha256-font"}},
			Icon:     "/static/assets/icon.svg",
		},
	}
}

func TestPagesMatchTheirGoldenFiles(t *testing.T) {
	tests := []struct {
		name string
		page templ.Component
	}{
		{"lobby", LobbyPage(LobbyView{
			Shell: shell("Meet"),
			Rooms: []RoomCard{
				{URL: "/rooms/abc-defg-hij", Name: "abc-defg-hij", Participants: 1, StartedAt: noon, Since: "just started"},
				{URL: "/rooms/%3Cb%3E", Name: "<b>", Participants: 3, StartedAt: noon.Add(-5 * time.Minute), Since: "for 5 min"},
			},
			Meetings: []MeetingRow{{
				ID: "RM_1", Name: "standup", Participants: []string{"Ada", "<Bo>"},
				StartedAt: noon.Add(-time.Hour), Date: "1 Mar 2026, 11:00 UTC", Duration: "12 min",
			}},
		})},
		{"lobby-more", LobbyPage(LobbyView{
			Shell:     shell("Meet"),
			Rooms:     []RoomCard{{URL: "/rooms/abc-defg-hij", Name: "abc-defg-hij", Participants: 1, StartedAt: noon, Since: "just started"}},
			MoreRooms: 350, MoreMeetings: 7,
		})},
		{"lobby-empty", LobbyPage(LobbyView{Shell: shell("Meet")})},
		{"lobby-under-a-path", LobbyPage(LobbyView{Shell: Shell{Title: "Meet", Base: "/meet"}})},
		{"lobby-refused", LobbyPage(LobbyView{Shell: shell("Meet"), Code: `"><script>`, Problem: "This link does not lead to a meeting."})},
		{"room", RoomPage(RoomView{Shell: shell("standup · Meet"), Room: `a"b`})},
		{"room-on-localhost", RoomPage(RoomView{Shell: Shell{Title: "standup · Meet", InviteOrigin: "https://192.0.2.7:8080"}, Room: "standup"})},
		{"trust", TrustPage(TrustView{
			Shell: shell("Trust this server · Meet"), System: "ios", Authority: "Meet on <b>", Fingerprint: "AB:CD",
			SecureURL: "https://192.0.2.7:8080/", CheckURL: "https://192.0.2.7:8080/trust/check",
		})},
		{"trust-secure", TrustPage(TrustView{
			Shell: Shell{Title: "Trust this server · Meet", Base: "/meet"}, Authority: "Meet on kitchen.local", Fingerprint: "AB:CD",
			SecureURL: "https://192.0.2.7:8080/meet/", CheckURL: "https://192.0.2.7:8080/meet/trust/check", Secure: true,
		})},
		{"custom", CustomPage(CustomView{Shell: shell("Join with a token · Meet")})},
		{"custom-refused", CustomPage(CustomView{Shell: shell("Join with a token · Meet"), Address: `"><script>`, Problem: "This is not the address of a server."})},
		{"custom-call", CustomPage(CustomView{Shell: shell("Meet"), ServerURL: `wss://live.example.org/a"b`})},
		{"direct", DirectPage(DirectView{Shell: shell("Direct call · Meet"), Session: `a"b`})},
		{"test", TestPage(TestView{Shell: shell("Connection test · Meet")})},
		{"problem", ProblemPage(ProblemView{
			Shell: shell("Not found · Meet"), Status: 404,
			Heading: "There is nothing here", Text: "The address may be mistyped.",
		})},
		{"problem-id", ProblemPage(ProblemView{
			Shell: Shell{Title: "Meet"}, Status: 500,
			Heading: "Something went wrong", Text: "It was not your fault.", ErrorID: "e1f2",
		})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got bytes.Buffer
			if err := tt.page.Render(templ.WithNonce(t.Context(), "n0nce"), &got); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", tt.name+".golden.html")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("page differs from %s (run with -update to accept):\n%s", golden, diff)
			}
		})
	}
}

// The content security policy of the pages forbids inline styles, inline event handlers, and scripts without the nonce.
func TestPagesComplyWithTheContentSecurityPolicy(t *testing.T) {
	pages, err := filepath.Glob("testdata/*.golden.html")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no golden pages: %v", err)
	}
	for _, path := range pages {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		html := strings.ReplaceAll(string(page), "https://192.0.2.7:8080", "") // the tested server itself
		for _, forbidden := range []string{" style=", "<style", " onclick=", "javascript:", "http://", "https://"} {
			if strings.Contains(html, forbidden) {
				t.Errorf("%s contains %q", path, forbidden)
			}
		}
		if n, m := strings.Count(html, "<script"), strings.Count(html, `nonce="n0nce"></script>`); n != m {
			t.Errorf("%s: %d scripts, %d with the nonce", path, n, m)
		}
	}
}

func TestPageRenderedWithoutNonceContainsNone(t *testing.T) {
	var got bytes.Buffer
	if err := RoomPage(RoomView{Shell: shell("Meet"), Room: "r"}).Render(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(got.String(), "csp-nonce") {
		t.Error("the page contains a nonce")
	}
}

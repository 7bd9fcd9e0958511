package lobby_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"meet/internal/fault"
	"meet/internal/lobby"
	"meet/internal/name"
	"meet/internal/store"
	"meet/internal/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	key    = "APItest"
	secret = "a-secret-that-is-long-enough-for-hs256"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// after returns the time that many seconds after noon.
func after(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// open opens a lobby with its records in a folder. stop closes the lobby and its store, as at the end of the process.
func open(t *testing.T, dir string, o lobby.Options) (l *lobby.Lobby, stop func()) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	o.APIKey, o.APISecret = key, secret
	l, err = lobby.New(t.Context(), s, o)
	if err != nil {
		s.Close()
		t.Fatal(err)
	}
	stop = func() { l.Close(); s.Close() }
	t.Cleanup(stop)
	return l, stop
}

// summary returns one line for each meeting: name, duration, number of people, and their names.
func summary(l *lobby.Lobby) string {
	var b strings.Builder
	for _, m := range l.Meetings() {
		fmt.Fprintf(&b, "%s %v %d", m.Name, m.Duration(), m.Count)
		for _, p := range m.People {
			b.WriteString(" " + p.Name)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestMeetingIsListedAsOpenThenAsEnded(t *testing.T) {
	dir := t.TempDir()
	l, stop := open(t, dir, lobby.Options{})
	l.RoomStarted(lobby.Room{SID: "RM_1", Name: "blue", CreatedAt: noon})
	l.RoomStarted(lobby.Room{SID: "RM_1", Name: "blue", CreatedAt: noon}) // a repeated event has no effect
	l.RoomStarted(lobby.Room{SID: "RM_2", Name: "empty", CreatedAt: after(1)})
	l.ParticipantJoined("RM_1", lobby.Arrival{Identity: "ada", Name: "Ada", At: after(2)})
	l.ParticipantJoined("RM_1", lobby.Arrival{Identity: "bo", Name: "Bo", At: after(3)})
	l.ParticipantJoined("RM_9", lobby.Arrival{Identity: "x", Name: "X", At: after(3)}) // unknown room
	l.RoomChanged("RM_1", 2, "agenda")
	want := []lobby.Room{
		{SID: "RM_2", Name: "empty", CreatedAt: after(1)},
		{SID: "RM_1", Name: "blue", CreatedAt: noon, NumParticipants: 2, Metadata: "agenda"},
	}
	if diff := cmp.Diff(want, l.Rooms()); diff != "" {
		t.Errorf("live (-want +got):\n%s", diff)
	}
	if got := summary(l); got != "" {
		t.Errorf("meetings listed as ended while it lasts: %q", got)
	}
	l.ParticipantLeft("RM_1", "ada", after(30))
	l.ParticipantLeft("RM_1", "bo", after(65))
	if got := summary(l); got != "" {
		t.Errorf("listed as ended before the room is empty: %q", got)
	}
	l.RoomChanged("RM_1", 0, "agenda")
	record := "blue 1m3s 2 Ada Bo\n"
	if got := summary(l); got != record || len(l.Rooms()) != 1 {
		t.Errorf("everybody has left: meetings %q, want %q; %d rooms live, want 1", got, record, len(l.Rooms()))
	}
	l.RoomFinished("RM_1", after(85))
	l.RoomFinished("RM_2", after(85))
	l.RoomFinished("RM_2", after(85))
	if rooms := l.Rooms(); len(rooms) != 0 {
		t.Errorf("still live: %+v", rooms)
	}
	if got := summary(l); got != record {
		t.Errorf("meetings %q, want %q", got, record)
	}
	stop()

	l, _ = open(t, dir, lobby.Options{})
	if got := summary(l); got != record {
		t.Errorf("after a restart %q, want %q", got, record)
	}
}

// If the process ends in the middle of a meeting, the record ends at the last known time, also after several restarts.
func TestMeetingInterruptedByCrashEndsAtLastKnownTime(t *testing.T) {
	dir := t.TempDir()
	l, stop := open(t, dir, lobby.Options{})
	l.RoomStarted(lobby.Room{SID: "RM_1", Name: "blue", CreatedAt: noon})
	l.ParticipantJoined("RM_1", lobby.Arrival{Identity: "ada", Name: "Ada", At: noon})
	l.ParticipantJoined("RM_1", lobby.Arrival{Identity: "bo", Name: "Bo", At: after(40)})
	stop()
	for range 2 {
		l, stop = open(t, dir, lobby.Options{})
		if got, want := summary(l), "blue 40s 2 Ada Bo\n"; got != want {
			t.Errorf("recovered %q, want %q", got, want)
		}
		stop()
	}
}

func TestOldestMeetingRecordsAreDeletedBeyondTheLimit(t *testing.T) {
	dir := t.TempDir()
	l, stop := open(t, dir, lobby.Options{})
	for i := range 1005 {
		sid := fmt.Sprint("RM_", i)
		l.RoomStarted(lobby.Room{SID: sid, Name: sid, CreatedAt: noon})
		l.ParticipantJoined(sid, lobby.Arrival{Identity: "a", At: after(i)})
		l.RoomFinished(sid, after(i))
	}
	first := l.Meetings()
	if len(first) != 100 || first[0].ID != "RM_1004" || first[99].ID != "RM_905" {
		t.Fatalf("listed %d, from %s", len(first), first[0].ID)
	}
	stop()

	s, err := store.Open(t.Context(), store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b, err := store.OpenBucket[lobby.Meeting](t.Context(), s, "meetings")
	if err != nil {
		t.Fatal(err)
	}
	all, err := b.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1000 {
		t.Errorf("%d records kept, want 1000", len(all))
	}
	if _, err := b.Get(t.Context(), "RM_4"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the oldest is still there: %v", err)
	}
}

func TestSubscriberGetsOneNotificationForManyChanges(t *testing.T) {
	l, _ := open(t, t.TempDir(), lobby.Options{})
	changes, cancel := l.Subscribe()
	l.RoomStarted(lobby.Room{SID: "RM_1", Name: "a"})
	for i := range 100 {
		l.RoomChanged("RM_1", i+1, "")
	}
	<-changes
	select {
	case <-changes:
		t.Error("a second notification without a change")
	default:
	}
	l.RoomChanged("RM_1", 100, "") // no change
	select {
	case <-changes:
		t.Error("a notification without a change")
	default:
	}
	l.RoomFinished("RM_1", noon)
	<-changes
	cancel()
	l.RoomStarted(lobby.Room{SID: "RM_2", Name: "b"})
	select {
	case <-changes:
		t.Error("a notification after cancel")
	default:
	}
}

func TestConnectionDetailsHoldAShortLivedToken(t *testing.T) {
	l, _ := open(t, t.TempDir(), lobby.Options{ServerURL: func(region string) string {
		return map[string]string{"eu": "wss://eu.example.org"}[region]
	}})
	d, err := l.ConnectionDetails(lobby.Request{Room: " blue ", Name: "Ada Lovelace", Metadata: "m"})
	if err != nil {
		t.Fatal(err)
	}
	if d.ServerURL != "" || d.RoomName != "blue" || d.ParticipantName != "Ada Lovelace" {
		t.Errorf("details %+v", d)
	}
	g, err := token.NewVerifier(token.Keys{key: secret}).Verify(d.ParticipantToken)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^Ada Lovelace__[a-z0-9]{4}$`).MatchString(g.Identity) || g.Name != "Ada Lovelace" || g.Metadata != "m" {
		t.Errorf("identity %q, name %q, metadata %q", g.Identity, g.Name, g.Metadata)
	}
	if left := time.Until(g.ExpiresAt); left < 4*time.Minute || left > 5*time.Minute {
		t.Errorf("valid for %v, want 5m", left)
	}
	if v := g.Video; !v.RoomJoin || v.Room != "blue" || !v.MayPublish() || !v.MaySubscribe() || !v.MayPublishData() || v.RoomAdmin || v.RoomCreate {
		t.Errorf("grant %+v", v)
	}
	if again, err := l.ConnectionDetails(lobby.Request{Room: "blue", Name: "Ada", Region: "eu"}); err != nil || again.ServerURL != "wss://eu.example.org" {
		t.Errorf("region eu: %+v, %v", again, err)
	}
}

func TestTokenUsesTheParticipantNameAsIdentity(t *testing.T) {
	l, _ := open(t, t.TempDir(), lobby.Options{})
	raw, err := l.Token("blue", "Ada", "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	g, err := token.NewVerifier(token.Keys{key: secret}).Verify(raw)
	if err != nil || g.Identity != "Ada" || g.Name != "Ada" || g.Video.Room != "blue" {
		t.Errorf("grants %+v, %v", g, err)
	}
}

func TestInvalidRoomAndParticipantNamesAreRefused(t *testing.T) {
	l, _ := open(t, t.TempDir(), lobby.Options{})
	for _, tc := range []struct {
		name string
		r    lobby.Request
		want error
	}{
		{"no room", lobby.Request{Name: "Ada"}, name.ErrRoomMissing},
		{"blank room", lobby.Request{Room: " \t ", Name: "Ada"}, name.ErrRoomMissing},
		{"no name", lobby.Request{Room: "r"}, name.ErrPersonMissing},
		{"longest room", lobby.Request{Room: strings.Repeat("r", 256), Name: "Ada"}, nil},
		{"long room", lobby.Request{Room: strings.Repeat("r", 257), Name: "Ada"}, name.ErrRoomTooLong},
		{"longest name", lobby.Request{Room: "r", Name: strings.Repeat("ä", 128)}, nil},
		{"long name", lobby.Request{Room: "r", Name: strings.Repeat("ä", 129)}, name.ErrPersonTooLong},
		{"longest name, in its identity too", lobby.Request{Room: "r", Name: strings.Repeat("😀", 64)}, nil},
		{"long name in bytes", lobby.Request{Room: "r", Name: strings.Repeat("😀", 65)}, name.ErrPersonTooLong},
		{"emoji of several parts", lobby.Request{Room: "r", Name: "👩‍👩‍👧"}, nil},
		{"control character in the room", lobby.Request{Room: "a\x00b", Name: "Ada"}, name.ErrRoomCharacters},
		{"broken UTF-8 in the room", lobby.Request{Room: "a\xff", Name: "Ada"}, name.ErrRoomCharacters},
		{"dots", lobby.Request{Room: "..", Name: "Ada"}, name.ErrRoomCharacters},
		{"line break in the name", lobby.Request{Room: "r", Name: "A\nda"}, name.ErrPersonCharacters},
		{"name that cannot be seen", lobby.Request{Room: "r", Name: "\u3164"}, name.ErrPersonInvisible},
		{"room that cannot be seen", lobby.Request{Room: "\u200b", Name: "Ada"}, name.ErrRoomInvisible},
		{"text turned round", lobby.Request{Room: "r", Name: "A\u202eda"}, name.ErrPersonCharacters},
		{"long metadata", lobby.Request{Room: "r", Name: "Ada", Metadata: strings.Repeat("m", 4097)}, lobby.ErrMetadataTooLong},
		{"broken metadata", lobby.Request{Room: "r", Name: "Ada", Metadata: "\xff"}, lobby.ErrMetadataInvalid},
	} {
		_, err := l.ConnectionDetails(tc.r)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: error %v, want %v", tc.name, err, tc.want)
		}
		if tc.want != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: kind %v", tc.name, fault.KindOf(err))
		}
	}
}

func TestNewRoomCodeIsWellFormedAndUnique(t *testing.T) {
	form := regexp.MustCompile(`^[a-z]{3}-[a-z]{4}-[a-z]{3}$`)
	seen, letters := map[string]bool{}, map[rune]bool{}
	for range 1000 {
		code := lobby.NewCode()
		if !form.MatchString(code) || seen[code] {
			t.Fatalf("code %q is malformed or a duplicate", code)
		}
		seen[code] = true
		for _, r := range code {
			letters[r] = true
		}
	}
	if len(letters) != 27 {
		t.Errorf("%d different letters and hyphens in 1000 codes, want 27", len(letters))
	}
}

func TestFindRoomReadsCodesLinksAndNames(t *testing.T) {
	l, _ := open(t, t.TempDir(), lobby.Options{})
	l.RoomStarted(lobby.Room{SID: "RM_1", Name: "standupnow"})
	for in, want := range map[string]string{
		"abc-defg-hij":                       "abc-defg-hij",
		" ABC DEFG HIJ ":                     "abc-defg-hij",
		"abcdefghij":                         "abc-defg-hij",
		"standupnow":                         "standupnow", // the name of an open room takes precedence
		"Weekly stand-up":                    "Weekly stand-up",
		"team/blue":                          "team/blue",
		"https://meet.example.org/rooms/abc": "abc",
		"meet.example.org/rooms/abc-defg-hij?x=1#y": "abc-defg-hij",
		"http://localhost:8080/rooms/a%2Fb%20c/":    "a/b c",
		"/rooms/abc":                                "abc",
	} {
		if got, err := l.FindRoom(in); err != nil || got != want {
			t.Errorf("FindRoom(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]error{
		"  ":                                 lobby.ErrCodeMissing,
		"https://meet.example.org/":          lobby.ErrLinkInvalid,
		"https://meet.example.org/rooms/":    lobby.ErrLinkInvalid,
		"https://meet.example.org/rooms/%zz": lobby.ErrLinkInvalid,
		"https://example.org/?next=/rooms/a": lobby.ErrLinkInvalid,
		"a\x01b":                             lobby.ErrCodeInvalid,
		strings.Repeat("x", 300):             lobby.ErrCodeInvalid,
		"/rooms/%00":                         lobby.ErrCodeInvalid,
	} {
		if got, err := l.FindRoom(in); !errors.Is(err, want) {
			t.Errorf("FindRoom(%q) = %q, %v; want %v", in, got, err, want)
		}
	}
}

func FuzzFindRoom(f *testing.F) {
	for _, s := range []string{"abc-defg-hij", "https://h/rooms/a%2Fb", "..", "\xff", "/rooms/%25"} {
		f.Add(s)
	}
	s, err := store.Open(f.Context(), store.Options{Dir: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	l, err := lobby.New(f.Context(), s, lobby.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.Close(); s.Close() })
	f.Fuzz(func(t *testing.T, in string) {
		room, err := l.FindRoom(in)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("FindRoom(%q): %v", in, err)
			}
			return
		}
		if again, err := name.Room(room); err != nil || again != room {
			t.Fatalf("FindRoom(%q) = %q, which is no room name: %v", in, room, err)
		}
	})
}

package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/livekit/protocol/livekit"

	"meet/internal/app"
	"meet/internal/backup"
	"meet/internal/client"
	"meet/internal/config"
	"meet/internal/token"
	"meet/test/harness"
)

var (
	backupKey = config.Key{Name: "APIbackup", Secret: "a-secret-that-is-long-enough-for-hs256"}
	noLog     = slog.New(slog.DiscardHandler)
)

// requestBackup requests a backup with an access token, and returns the status and the body of the response.
func (s *server) requestBackup(t *token.AccessToken) (int, []byte) {
	s.T.Helper()
	raw, err := t.ToJWT()
	if err != nil {
		s.T.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.T.Context(), http.MethodPost, s.URL()+"/api/backup", http.NoBody)
	if err != nil {
		s.T.Fatal(err)
	}
	resp, err := harness.Bearer{Client: s.HTTP, Token: raw}.Do(req)
	if err != nil {
		s.T.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	return resp.StatusCode, body
}

// A backup contains the API keys, so only a token that was signed for a backup may get one.
func TestOnlyABackupTokenGetsABackup(t *testing.T) {
	cfg := harness.Settings(t)
	cfg.Keys, cfg.Dev = []config.Key{backupKey, config.DevKey}, true
	s := start(t, cfg)
	sign := func() *token.AccessToken { return token.New(backupKey.Name, backupKey.Secret).SetIdentity("ada") }
	everything := token.VideoGrant{RoomCreate: true, RoomList: true, RoomRecord: true, IngressAdmin: true, RoomAdmin: true, RoomJoin: true, Room: "r"}
	for _, tt := range []struct {
		name   string
		token  *token.AccessToken
		status int
	}{
		{"for a backup", sign().SetBackup(), http.StatusOK},
		{"with all rights in rooms", sign().SetVideoGrant(everything), http.StatusForbidden},
		{"of an agent", sign().SetVideoGrant(token.VideoGrant{Agent: true}).SetAgentGrant(token.AgentGrant{Admin: true}), http.StatusForbidden},
		{"with no grant", sign(), http.StatusForbidden},
		{"for a backup and for rooms", sign().SetBackup().SetVideoGrant(everything), http.StatusForbidden},
		{"of a guest", sign().SetBackup().SetGuest(), http.StatusForbidden},
		{"expired", sign().SetBackup().SetTTL(-time.Hour), http.StatusUnauthorized},
		{"with another secret", token.New(backupKey.Name, "another-secret-that-is-long-enough").SetBackup(), http.StatusUnauthorized},
		{"with the public key of --dev", token.New(config.DevKey.Name, config.DevKey.Secret).SetBackup(), http.StatusForbidden},
	} {
		if status, body := s.requestBackup(tt.token); status != tt.status || status != http.StatusOK && bytes.Contains(body, []byte("PK")) {
			t.Errorf("%s: status %d, want %d", tt.name, status, tt.status)
		}
	}
	resp, err := s.HTTP.Post(s.URL()+"/api/backup", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %d, want 401", resp.StatusCode)
	}
}

// recordMeeting holds a meeting, and waits until the server lists it as ended.
func (s *server) recordMeeting(ctx context.Context, room, person string) {
	s.T.Helper()
	c := s.joinByPage(ctx, room, person, client.Options{})
	harness.Eventually(ctx, s.T, room+" is recorded", func() bool {
		admin := s.roomService(token.VideoGrant{RoomAdmin: true, RoomCreate: true, Room: room})
		list, err := admin.ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: room})
		return err == nil && len(list.Participants) == 1 && list.Participants[0].State == livekit.ParticipantInfo_ACTIVE
	})
	if _, err := s.roomService(token.VideoGrant{RoomCreate: true}).DeleteRoom(ctx, &livekit.DeleteRoomRequest{Room: room}); err != nil {
		s.T.Error(err)
	}
	_ = c.Close() // ended by the server
}

// A server that starts on a restored backup lists the meetings that had ended before the backup began, although people
// meet and webhooks are queued while it is made.
func TestServerOnARestoredBackupListsTheMeetings(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{config.DevKey, backupKey}
	cfg.WebhookURLs = []string{"http://192.0.2.1/nobody"} // TEST-NET-1, RFC 5737
	s := start(t, cfg)
	for i := range 3 {
		s.recordMeeting(ctx, fmt.Sprint("before", i), "Ada")
	}
	var want []meeting
	harness.Eventually(ctx, t, "three meetings have ended, and are on the disk", func() bool {
		s.Get("/api/meetings", &want)
		return len(want) == 3 && onDisk(t, s.Dir, "before0", "before1", "before2")
	})
	var load sync.WaitGroup
	stop := make(chan struct{})
	load.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				s.recordMeeting(ctx, fmt.Sprint("during", i), "Bo")
			}
		}
	})
	var text []byte
	for range 3 {
		var status int
		if status, text = s.requestBackup(token.New(backupKey.Name, backupKey.Secret).SetBackup()); status != http.StatusOK {
			t.Fatalf("status %d: %s", status, text)
		}
	}
	close(stop)
	load.Wait()

	a, err := backup.Open(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := harness.Settings(t)
	elsewhere.Keys = cfg.Keys
	if _, err := app.Restore(ctx, elsewhere, a, false, noLog); err != nil {
		t.Fatal(err)
	}
	var got []meeting
	restored := start(t, elsewhere)
	restored.Get("/api/meetings", &got)
	before := got[:0]
	for _, m := range got {
		if strings.HasPrefix(m.Name, "before") {
			before = append(before, m)
		}
	}
	if diff := cmp.Diff(want, before); diff != "" {
		t.Errorf("after the restore (-want +got):\n%s", diff)
	}
}

// onDisk reports whether the store has written the end of the meetings with these names.
func onDisk(t *testing.T, dir string, names ...string) bool {
	files, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "KV_meetings", "msgs", "*.blk"))
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return false
		}
		all = append(all, text...)
	}
	for _, name := range names {
		last := bytes.LastIndex(all, []byte(`"name":"`+name+`"`))
		if last < 0 {
			return false
		}
		record := all[last:min(len(all), last+2000)]
		if end := bytes.Index(record, []byte(`"endedAt":"20`)); end < 0 {
			return false
		}
	}
	return true
}

func TestRestoreIntoTheFolderOfARunningServerIsRefused(t *testing.T) {
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{backupKey}
	s := start(t, cfg)
	_, text := s.requestBackup(token.New(backupKey.Name, backupKey.Secret).SetBackup())
	a, err := backup.Open(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	for _, replace := range []bool{false, true} {
		if _, err := app.Restore(t.Context(), cfg, a, replace, noLog); !errors.Is(err, app.ErrFolderInUse) {
			t.Errorf("replace %v: %v, want ErrFolderInUse", replace, err)
		}
	}
	if _, err := app.Backup(t.Context(), cfg, io.Discard, noLog); !errors.Is(err, app.ErrFolderInUse) {
		t.Errorf("Backup without the server: %v, want ErrFolderInUse", err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Restore(t.Context(), cfg, a, false, noLog); !errors.Is(err, backup.ErrNotEmpty) {
		t.Errorf("folder with data: %v, want ErrNotEmpty", err)
	}
	if _, err := app.Restore(t.Context(), cfg, a, true, noLog); err != nil {
		t.Error(err)
	}
}

func TestServerDoesNotStartAfterAnInterruptedRestore(t *testing.T) {
	cfg := harness.Settings(t)
	if err := os.MkdirAll(filepath.Join(cfg.DataDir, backup.RestoringName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := app.New(t.Context(), cfg, noLog); !errors.Is(err, backup.ErrInterrupted) {
		t.Errorf("%v, want ErrInterrupted", err)
	}
}

// A backup as root would leave files that the server, which runs as another user, cannot write.
func TestBackupOfAnotherUsersDataFolderIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	cfg := harness.Settings(t)
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(cfg.DataDir, 12345, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Backup(t.Context(), cfg, io.Discard, noLog); err == nil || !strings.Contains(err.Error(), "#12345") {
		t.Errorf("%v, want an error with the user", err)
	}
	if left, err := os.ReadDir(cfg.DataDir); err != nil || len(left) > 0 {
		t.Errorf("the refused command leaves %v in the folder (%v)", left, err)
	}
}

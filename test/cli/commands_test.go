package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/rogpeppe/go-internal/testscript"

	"meet/internal/client"
)

// expired is a token signed with devkey that expired in September 2001.
const expired = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." +
	"eyJpc3MiOiJkZXZrZXkiLCJzdWIiOiJhZGEiLCJleHAiOjEwMDAwMDAwMDB9." +
	"xAC-rsv2IB2pRyNGShge7Af9icrrfGaEk5_XtgjM5yA"

// joinParticipant implements the script command "joined ROOM IDENTITY TOKEN". A participant joins the room with the
// token in the file TOKEN and sends audio and video until the script ends. The command returns when the server lists
// both tracks. With !, it checks that the server refuses the join.
func joinParticipant(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	ts.Defer(cancel)
	participant, err := client.Join(ctx, "ws://127.0.0.1:"+ts.Getenv("PORT"), strings.TrimSpace(ts.ReadFile(args[2])), client.Options{HostOnly: true})
	if neg {
		if err == nil {
			_ = participant.Close() // the script has failed
			ts.Fatalf("%s joined, want a refusal", args[1])
		}
		ts.Logf("refused: %v", err)
		return
	}
	ts.Check(err)
	var sending sync.WaitGroup
	ts.Defer(func() {
		cancel()
		_ = participant.Close() // some scripts have removed the participant
		sending.Wait()
	})
	silence, keyFrame := []byte{0xf8, 0xff, 0xfe}, []byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x10, 0x00, 0x10, 0x00, 0x00}
	for mime, sample := range map[string][]byte{"audio/opus": silence, "video/VP8": keyFrame} {
		p, err := participant.Publish(ctx, client.PublishOptions{MimeType: mime})
		ts.Check(err)
		sending.Go(func() { send(ctx, p, sample) }) // ends with ctx
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for tracks := 0; tracks < 2; <-tick.C {
		if ctx.Err() != nil {
			ts.Fatalf("%d tracks of %s, want 2", tracks, args[1])
		}
		ts.Check(ts.Exec("meet", "list-participants", args[0], "--json"))
		var list struct {
			Participants []struct {
				Identity string
				Tracks   []any
			}
		}
		ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &list))
		for _, p := range list.Participants {
			if p.Identity == args[1] {
				tracks = len(p.Tracks)
			}
		}
	}
}

// send sends the same sample every 20 ms until ctx ends. Servers list a track only after its first packet.
func send(ctx context.Context, p *client.Publication, sample []byte) {
	const every = 20 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = p.WriteSample(media.Sample{Data: sample, Duration: every}) // fails after the participant was removed
		}
	}
}

// jsonHas implements the script command "json PATH VALUE", for example "json rooms.0.name blue". It parses the output of
// the last command as JSON and checks that VALUE is at PATH. A path that ends in "len", such as rooms.len, stands for
// the length of an array. With !, jsonHas checks that there is no value at PATH.
func jsonHas(ts *testscript.TestScript, neg bool, args []string) {
	var v any
	out := ts.ReadFile("stdout")
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		ts.Fatalf("not JSON: %v\n%s", err, out)
	}
	got, err := lookUpJSON(v, strings.Split(args[0], "."))
	switch {
	case neg && err == nil:
		ts.Fatalf("%s is %v, want nothing there", args[0], got)
	case !neg && err != nil:
		ts.Fatalf("%v in\n%s", err, out)
	case !neg && fmt.Sprint(got) != args[1]:
		ts.Fatalf("%s is %v, want %s", args[0], got, args[1])
	}
}

// lookUpJSON returns the value at a path in a decoded JSON value. The steps are the parts of the path.
func lookUpJSON(v any, steps []string) (any, error) {
	for i, step := range steps {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[step]
			if !ok {
				return nil, fmt.Errorf("no %s", strings.Join(steps[:i+1], "."))
			}
			v = next
		case []any:
			if step == "len" {
				return len(at), nil
			}
			n, err := strconv.Atoi(step)
			if err != nil || n < 0 || n >= len(at) {
				return nil, fmt.Errorf("no %s among %d", strings.Join(steps[:i+1], "."), len(at))
			}
			v = at[n]
		default:
			return nil, fmt.Errorf("%s is %v", strings.Join(steps[:i], "."), v)
		}
	}
	return v, nil
}

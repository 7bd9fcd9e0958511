package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"meet/internal/admin"
	"meet/internal/config"
	"meet/internal/mediafile"
	"meet/internal/token"
)

type join struct {
	roomTarget
	Identity  string        `aliases:"p" help:"Identity of the participant, unique in the room; random unless set." placeholder:"ID"`
	P         string        `name:"p" hidden:"" help:"Same as --identity; used by early LiveKit tools."`
	Name      string        `help:"Display name of the participant; the identity unless set." placeholder:"NAME"`
	Token     string        `help:"Access token to join with, instead of a room and an API key." placeholder:"TOKEN"`
	Audio     string        `help:"Publish this file (Ogg with Opus) as the microphone." placeholder:"FILE"`
	Video     string        `help:"Publish this file (IVF with VP8, VP9 or AV1, or an H264 byte stream) as the camera." placeholder:"FILE"`
	FPS       *float64      `name:"fps" help:"Frame rate of an H264 file; unless set, the rate that the file states, or else 30." placeholder:"RATE"`
	Loop      bool          `help:"Repeat the files when they end."`
	Stay      bool          `help:"Stay in the room after the files have ended."`
	Subscribe bool          `help:"Subscribe to the tracks of others." default:"true" negatable:""`
	RecordTo  string        `help:"Record received tracks to this folder, one file for each track." placeholder:"DIR"`
	Duration  time.Duration `help:"Leave the room after this time." placeholder:"DURATION"`
	serverFlags
}

func (join) Help() string {
	return `It prints who joins or leaves the room and what they publish. It exits when the files have ended, or on Ctrl-C. A viewer
that joins more than 2 seconds after the start sees no video until the next key frame in the file. The option -g of
ffmpeg sets the interval between key frames.

Example:
  meet join myroom --identity bot --video video.ivf --audio audio.ogg --loop`
}

// Run joins the room, publishes the files, and leaves when they have ended, when --duration has passed, or on a
// signal.
func (j join) Run(ctx context.Context, env environment) (err error) {
	if err := j.check(); err != nil {
		return usageError{err}
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	files, err := j.open()
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	if err != nil {
		return usageError{err}
	}
	address, raw, err := j.serverAndToken(env)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, stop) // a second Ctrl-C exits immediately
	return newSession(j, env).run(ctx, address, raw, files)
}

// check validates the combination of flags.
func (j join) check() error {
	switch {
	case j.FPS != nil && (*j.FPS < 1 || *j.FPS > 240):
		return fmt.Errorf("--fps: got %v, want 1 to 240 frames per second", *j.FPS)
	case j.Duration < 0:
		return fmt.Errorf("--duration: got %v, want a duration such as 30s or 5m", j.Duration)
	case j.Token != "" && (j.RoomArg != "" || j.Room != "" || j.R != "" || j.Identity != "" || j.P != ""):
		return errors.New("--token: it already contains the room and the identity; do not give them too")
	case (j.Loop || j.FPS != nil) && j.Audio == "" && j.Video == "":
		return errors.New("--video: --loop and --fps need a file; give --video or --audio")
	case j.RecordTo != "" && !j.Subscribe:
		return errors.New("--record-to and --no-subscribe exclude each other")
	}
	if j.RecordTo != "" {
		if info, err := os.Stat(j.RecordTo); err != nil || !info.IsDir() {
			return fmt.Errorf("--record-to: there is no folder %s; create it first", j.RecordTo)
		}
	}
	return nil
}

// open opens the files to publish, in the order of the flags. On an error it also returns the files opened so far,
// which the caller closes.
func (j join) open() (files []*mediafile.File, err error) {
	fps := 0.0 // use the file's own rate
	if j.FPS != nil {
		fps = *j.FPS
	}
	for _, one := range []struct{ flag, path, kind, convert string }{
		{"--audio", j.Audio, "audio/", "-vn -c:a libopus -ac 2 audio.ogg"}, {"--video", j.Video, "video/", "-c:v libvpx -b:v 1M -g 60 video.ivf"},
	} {
		if one.path == "" {
			continue
		}
		f, err := mediafile.Open(one.path, fps)
		if errors.Is(err, mediafile.ErrFormat) {
			return files, fmt.Errorf("%s: %w; make one with ffmpeg -i FILE %s", one.flag, err, one.convert)
		}
		if err != nil {
			return files, fmt.Errorf("%s: %w", one.flag, err)
		}
		files = append(files, f)
		if !strings.HasPrefix(f.MimeType, one.kind) {
			return files, fmt.Errorf("%s: %s contains %s", one.flag, one.path, f.MimeType)
		}
	}
	return files, nil
}

// serverAndToken returns the WebSocket address of the server and an access token for it.
func (j join) serverAndToken(env environment) (address, raw string, err error) {
	cfg, raw, err := j.accessToken(env)
	if err != nil {
		return "", "", err
	}
	if address, err = serverAddress(j.URL, cfg); err != nil {
		return "", "", err
	}
	socket, err := admin.SocketAddress(address)
	if err != nil {
		return "", "", addressError(address)
	}
	return socket, raw, nil
}

// accessToken returns the settings and the token to join with: that of --token, or else a new one, signed with the
// configured API key.
func (j join) accessToken(env environment) (config.Config, string, error) {
	if j.Token != "" {
		cfg, _, err := j.load(env)
		return cfg, j.Token, err
	}
	room, err := j.name()
	if err != nil {
		return config.Config{}, "", err
	}
	cfg, key, err := j.signingKey(env)
	if err != nil {
		return cfg, "", err
	}
	identity := cmp.Or(j.Identity, j.P, unusedName("cli-"))
	raw, err := token.New(key.Name, key.Secret).SetIdentity(identity).SetName(cmp.Or(j.Name, identity)).
		SetVideoGrant(token.VideoGrant{RoomJoin: true, Room: room}).ToJWT()
	return cfg, raw, err
}

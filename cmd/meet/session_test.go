package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/client"
)

// keyFrame is the beginning of a VP8 key frame of 16 by 16 pixels.
var keyFrame = []byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x10, 0x00, 0x10, 0x00, 0x00}

// The command prints, as text and as JSON, when participants join and leave and what they publish, mute and send.
func TestJoinPrintsParticipantsTracksAndMessages(t *testing.T) {
	address, _ := startServer(t)
	people, programs := startCommand(t, address, "join", "blue", "--identity", "bot"), startCommand(t, address, "join", "blue", "--identity", "bot2", "--json")
	people.waitOutput(t, "joined  room blue  identity bot", "participant joined  identity bot2")
	programs.waitOutput(t, `"event":"joined"`)
	ada := joinAs(t, address, "blue", "ada")
	pub, err := ada.Publish(t.Context(), client.PublishOptions{Name: "lens", MimeType: "video/VP8", Width: 16, Height: 16})
	if err != nil {
		t.Fatal(err)
	}
	poll(t, func() string {
		if err := pub.WriteFrame(keyFrame, 50*time.Millisecond); err != nil {
			return err.Error()
		}
		if !strings.Contains(people.out.String(), "receiving  track "+pub.SID()) {
			return "no track is received"
		}
		return ""
	})
	people.waitOutput(t, "participant joined  identity ada", "track published  track "+pub.SID()+"  codec video/vp8  source CAMERA  name lens  from ada", "codec video/vp8  from ada")
	for _, m := range []*livekit.DataPacket{
		{Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte("raw\x1b[2J"), Topic: new("signals")}}},
		{Value: &livekit.DataPacket_ChatMessage{ChatMessage: &livekit.ChatMessage{Message: "old chat"}}},
		{Value: &livekit.DataPacket_StreamHeader{StreamHeader: &livekit.DataStream_Header{StreamId: "s", Topic: "lk.chat", ContentHeader: &livekit.DataStream_Header_TextHeader{}}}},
		{Value: &livekit.DataPacket_StreamChunk{StreamChunk: &livekit.DataStream_Chunk{StreamId: "s", Content: []byte("new ")}}},
		{Value: &livekit.DataPacket_StreamChunk{StreamChunk: &livekit.DataStream_Chunk{StreamId: "s", ChunkIndex: 1, Content: []byte("chat")}}},
		{Value: &livekit.DataPacket_StreamTrailer{StreamTrailer: &livekit.DataStream_Trailer{StreamId: "s"}}},
		{Value: &livekit.DataPacket_StreamHeader{StreamHeader: &livekit.DataStream_Header{StreamId: "f", ContentHeader: &livekit.DataStream_Header_ByteHeader{ByteHeader: &livekit.DataStream_ByteHeader{Name: "a.pdf"}}}}},
	} {
		if err := ada.PublishData(t.Context(), livekit.DataPacket_RELIABLE, m); err != nil {
			t.Fatal(err)
		}
	}
	people.waitOutput(t, "data  from ada  topic signals  text raw·[2J", "message  from ada  text old chat", "message  from ada  topic lk.chat  text new chat", "file  from ada  topic -  name a.pdf")
	if err := pub.SetMuted(true); err != nil {
		t.Fatal(err)
	}
	people.waitOutput(t, "track muted  track "+pub.SID()+"  from ada")
	if err := ada.Unpublish(t.Context(), pub); err != nil {
		t.Fatal(err)
	}
	people.waitOutput(t, "track unpublished  track "+pub.SID())
	if err := ada.Leave(); err != nil {
		t.Fatal(err)
	}
	people.waitOutput(t, "participant left  identity ada")
	programs.waitOutput(t, "new chat", "participant left")
	people.cancel()
	people.waitExit(t, 0)
	people.waitOutput(t, "left  frames 0")
	programs.cancel()
	programs.waitExit(t, 0)
	for line := range strings.Lines(programs.out.String()) {
		var e struct{ Event string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Event == "" {
			t.Errorf("%v in %s", err, line)
		}
	}
}

func TestJoinExitsWithStatus1WhenRemovedOrServerStops(t *testing.T) {
	address, stop := startServer(t)
	removed, left := startCommand(t, address, "join", "red", "--identity", "out"), startCommand(t, address, "join", "red", "--identity", "in")
	removed.waitOutput(t, "joined")
	left.waitOutput(t, "joined")
	startCommand(t, address, "remove-participant", "red", "out").waitExit(t, 0)
	removed.waitExit(t, 1)
	if !strings.Contains(removed.errs.String(), "PARTICIPANT_REMOVED") {
		t.Errorf("the output is %s", removed.errs.String())
	}
	stop()
	left.waitExit(t, 1)
	if !strings.Contains(left.errs.String(), "the session ended") {
		t.Errorf("the output is %s", left.errs.String())
	}
}

func TestJoinReconnectsWhenConnectionBreaks(t *testing.T) {
	address, _ := startServer(t)
	front, cut := tcpProxy(t, strings.TrimPrefix(address, "http://"))
	r := startCommand(t, front, "join", "blue", "--identity", "bot")
	r.waitOutput(t, "joined")
	cut()
	r.waitOutput(t, "connection lost, reconnecting", "reconnected")
	joinAs(t, address, "blue", "ada")
	r.waitOutput(t, "participant joined  identity ada")
	r.cancel()
	r.waitExit(t, 0)
}

// A recording of a track that is encrypted between browsers would contain only noise.
func TestJoinDoesNotRecordEncryptedTracks(t *testing.T) {
	address, _ := startServer(t)
	dir := t.TempDir()
	r := startCommand(t, address, "join", "green", "--record-to", dir)
	r.waitOutput(t, "joined")
	pub, err := joinAs(t, address, "green", "ada").Publish(t.Context(), client.PublishOptions{MimeType: "audio/opus", Encryption: livekit.Encryption_GCM})
	if err != nil {
		t.Fatal(err)
	}
	poll(t, func() string {
		if err := pub.WriteFrame([]byte{0xf8, 0xff, 0xfe}, 20*time.Millisecond); err != nil {
			return err.Error()
		}
		if !strings.Contains(r.out.String(), "not recorded  track "+pub.SID()+"  reason it is end-to-end encrypted") {
			return "the reason is not printed"
		}
		return ""
	})
	r.cancel()
	r.waitExit(t, 0)
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("the folder contains %v, %v", files, err)
	}
}

func TestJoinInterruptedWhileTheServerIsSilentExitsWithStatus0(t *testing.T) {
	requested := make(chan struct{}, 10)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		requested <- struct{}{}
		<-r.Context().Done()
	}))
	defer silent.Close()
	r := startCommand(t, silent.URL, "join", "r")
	<-requested
	r.cancel()
	r.waitExit(t, 0)
}

func TestJoinExitsWithStatus1WhenRecordingFails(t *testing.T) {
	address, _ := startServer(t)
	dir := t.TempDir()
	r := startCommand(t, address, "join", "green", "--record-to", dir)
	r.waitOutput(t, "joined")
	ada := joinAs(t, address, "green", "ada")
	pub, err := ada.Publish(t.Context(), client.PublishOptions{MimeType: "audio/opus", DisableRED: true})
	if err != nil {
		t.Fatal(err)
	}
	// No file can be created in a deleted folder.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	var status int
	poll(t, func() string {
		if err := pub.WriteFrame([]byte{0xf8, 0xff, 0xfe}, 20*time.Millisecond); err != nil {
			return err.Error()
		}
		select {
		case status = <-r.status:
			return ""
		default:
			return "the command continues"
		}
	})
	if status != 1 || !strings.Contains(r.errs.String(), fmt.Sprintf("track %s, audio/opus: record: open %s", pub.SID(), dir)) {
		t.Errorf("status %d, %s", status, r.errs.String())
	}
}

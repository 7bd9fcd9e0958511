package server_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/livekit/protocol/livekit"

	"meet/internal/client"
	"meet/internal/token"
	"meet/test/harness"
)

// bulkPacket returns a packet of 60 kB that contains its number.
func bulkPacket(n int, to ...string) *livekit.DataPacket {
	payload := make([]byte, 60_000)
	binary.BigEndian.PutUint32(payload, uint32(n))
	return &livekit.DataPacket{DestinationIdentities: to, Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: payload}}}
}

// bulkNumbers returns the numbers of the bulk packets that g has received, in order of arrival.
func (g *testClient) bulkNumbers() []int {
	var numbers []int
	for _, p := range g.dataPackets() {
		numbers = append(numbers, int(binary.BigEndian.Uint32(p.GetUser().Payload)))
	}
	return numbers
}

// countPackets returns the number of data packets that g has received.
func (g *testClient) countPackets() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.data)
}

// sendBulk sends n bulk packets in the background and returns a counter of those sent. The test waits for the sender.
func (g *testClient) sendBulk(ctx context.Context, n int, to ...string) *atomic.Int32 {
	g.t.Helper()
	var sent atomic.Int32
	var sending sync.WaitGroup
	sending.Go(func() { // ends with ctx, at the latest
		for i := range n {
			if err := g.PublishData(ctx, livekit.DataPacket_RELIABLE, bulkPacket(i, to...)); err != nil {
				if ctx.Err() == nil && g.Err() == nil {
					g.t.Errorf("packet %d: %v", i, err)
				}
				return
			}
			sent.Add(1)
		}
	})
	g.t.Cleanup(sending.Wait)
	return &sent
}

// waitUntilSteady waits until a number has not changed during thirty polls, about 300 ms.
func waitUntilSteady(ctx context.Context, t *testing.T, what string, n func() int) {
	t.Helper()
	last, looks := -1, 0
	harness.Eventually(ctx, t, what, func() bool {
		if now := n(); now != last {
			last, looks = now, 0
		}
		looks++
		return looks > 30
	})
}

// consecutive reports whether each number is one more than the previous one.
func consecutive(numbers []int) bool {
	for i, n := range numbers {
		if n != numbers[0]+i {
			return false
		}
	}
	return true
}

// Data for a client that does not read waits at the sender, not in the server, and arrives completely when the client
// reads again.
func TestReliableDataSenderWaitsForSlowReader(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		reads := make(chan struct{})
		o.OnData = func(*livekit.DataPacket) { <-reads }
		bo := s.join(ctx, "bo", o)
		open := sync.OnceFunc(func() { close(reads) })
		t.Cleanup(open) // before bo is closed, which waits for its callbacks
		const n = 300   // 18 MB, far more than may wait in the server
		sent := ada.sendBulk(ctx, n, "bo")
		harness.Eventually(ctx, t, "some packets are sent", func() bool { return sent.Load() > 20 })
		waitUntilSteady(ctx, t, "the sender blocks", func() int { return int(sent.Load()) })
		if got := sent.Load(); got > n/2 {
			t.Errorf("%d packets were sent to a client that does not read", got)
		}
		open()
		harness.Eventually(ctx, t, "all packets arrive", func() bool { return bo.countPackets() == n })
		if numbers := bo.bulkNumbers(); numbers[0] != 0 || !consecutive(numbers) {
			t.Errorf("in the order %v", numbers)
		}
	})
}

// A client that never reads does not delay data to others, and is asked to join again.
func TestDataRecipientThatNeverReadsIsDisconnectedWithoutDelayingOthers(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	ada, cy := s.join(ctx, "ada", client.Options{}), s.join(ctx, "cy", client.Options{})
	reads := make(chan struct{})
	left := make(chan *livekit.LeaveRequest, 1)
	bo := s.join(ctx, "bo", client.Options{
		OnData:  func(*livekit.DataPacket) { <-reads },
		OnLeave: func(l *livekit.LeaveRequest) { left <- l },
	})
	t.Cleanup(func() { close(reads) })
	const n = 300
	ada.sendBulk(ctx, n)
	harness.Eventually(ctx, t, "cy receives all packets", func() bool { return cy.countPackets() == n })
	if numbers := cy.bulkNumbers(); !consecutive(numbers) {
		t.Errorf("in the order %v", numbers)
	}
	select {
	case l := <-left:
		if l.Action != livekit.LeaveRequest_RECONNECT {
			t.Errorf("bo received %v", l)
		}
	case <-ctx.Done():
		t.Error("bo misses packets but received no Leave")
	}
	<-bo.Done()
}

// A participant that joins while data is sent may miss the first packets. After the first packet that it receives,
// nothing is lost or duplicated.
func TestNewParticipantReceivesOngoingDataWithoutGaps(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		watch := s.join(ctx, "watch", o)
		stop, total := make(chan struct{}), 0
		var sending sync.WaitGroup
		sending.Go(func() { // ends with stop or ctx
			for ; ctx.Err() == nil; total++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := ada.PublishData(ctx, livekit.DataPacket_RELIABLE, bulkPacket(total)); err != nil {
					t.Errorf("packet %d: %v", total, err)
					return
				}
			}
		})
		end := sync.OnceFunc(func() { close(stop); sending.Wait() })
		t.Cleanup(end)
		harness.Eventually(ctx, t, "data flows", func() bool { return watch.countPackets() > 5 })
		bo := s.join(ctx, "bo", o)
		harness.Eventually(ctx, t, "bo gets data", func() bool { return bo.countPackets() > 20 })
		end()
		harness.Eventually(ctx, t, "bo receives the last packet", func() bool { numbers := bo.bulkNumbers(); return numbers[len(numbers)-1] == total-1 })
		packets, numbers := bo.dataPackets(), bo.bulkNumbers()
		if !consecutive(numbers) {
			t.Errorf("in the order %v", numbers)
		}
		for i, p := range packets {
			if p.Sequence != uint32(numbers[i]+1) || p.ParticipantSid != ada.Participant().Sid {
				t.Fatalf("packet %d has sequence %d of %s", numbers[i], p.Sequence, p.ParticipantSid)
			}
		}
	})
}

// Both the sender and the receiver resume while data is in flight.
func TestResumeNeitherLosesNorDuplicatesData(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo := s.join(ctx, "ada", o), s.join(ctx, "bo", o)
		const n = 200
		ada.sendBulk(ctx, n)
		for i, g := range []*testClient{ada, bo, ada} {
			harness.Eventually(ctx, t, "data flows", func() bool { return bo.countPackets() > 10*(i+1) })
			g.DropSignal()
			if err := g.Resume(ctx); err != nil {
				t.Fatal(err)
			}
		}
		harness.Eventually(ctx, t, "all packets arrive", func() bool { return bo.countPackets() >= n })
		if numbers := bo.bulkNumbers(); len(numbers) != n || !consecutive(numbers) {
			t.Errorf("in the order %v", numbers)
		}
	})
}

func TestDataTrackFramesReachSubscriberUnderAnAssignedHandle(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		var mu sync.Mutex
		var frames [][]byte
		ada := s.join(ctx, "ada", o)
		o.OnDataTrackPacket = func(b []byte) {
			mu.Lock()
			defer mu.Unlock()
			frames = append(frames, b)
		}
		bo := s.join(ctx, "bo", o)
		const ours = 77
		send := func(g *testClient, m *livekit.SignalRequest) {
			t.Helper()
			if err := g.Send(m); err != nil {
				t.Fatal(err)
			}
		}
		send(ada, &livekit.SignalRequest{Message: &livekit.SignalRequest_PublishDataTrackRequest{
			PublishDataTrackRequest: &livekit.PublishDataTrackRequest{PubHandle: ours, Name: "position"},
		}})
		var info *livekit.DataTrackInfo
		harness.Eventually(ctx, t, "bo sees the track", func() bool {
			for _, d := range bo.RemoteParticipant("ada").GetDataTracks() {
				info = d
			}
			return info != nil
		})
		if info.Name != "position" || info.PubHandle != ours {
			t.Errorf("bo sees %v", info)
		}
		send(bo, &livekit.SignalRequest{Message: &livekit.SignalRequest_UpdateDataSubscription{UpdateDataSubscription: &livekit.UpdateDataSubscription{
			Updates: []*livekit.UpdateDataSubscription_Update{{TrackSid: info.Sid, Subscribe: true}},
		}}})
		handle := func() uint16 {
			var handle uint16
			bo.mu.Lock()
			defer bo.mu.Unlock()
			for _, m := range bo.messages {
				for h, track := range m.GetDataTrackSubscriberHandles().GetSubHandles() {
					if track.TrackSid == info.Sid && track.PublisherIdentity == "ada" {
						handle = uint16(h)
					}
				}
			}
			return handle
		}
		harness.Eventually(ctx, t, "bo has a handle", func() bool { return handle() != 0 })
		want := binary.BigEndian.AppendUint16([]byte{0b11 << 3, 0}, handle())
		want = append(want, 0, 1, 0, 1, 0, 0, 0, 0)
		want = append(want, "here"...)
		harness.Eventually(ctx, t, "a frame arrives", func() bool { // frames may be lost, so it is sent until one arrives
			packet := slices.Clone(want)
			binary.BigEndian.PutUint16(packet[2:], ours)
			if err := ada.PublishDataTrackPacket(ctx, packet); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			defer mu.Unlock()
			return len(frames) > 0
		})
		mu.Lock()
		first := frames[0]
		mu.Unlock()
		if !slices.Equal(first, want) {
			t.Errorf("%x arrives, want %x", first, want)
		}
		send(ada, &livekit.SignalRequest{Message: &livekit.SignalRequest_UnpublishDataTrackRequest{
			UnpublishDataTrackRequest: &livekit.UnpublishDataTrackRequest{PubHandle: ours},
		}})
		harness.Eventually(ctx, t, "the track is gone", func() bool { return len(bo.RemoteParticipant("ada").GetDataTracks()) == 0 })
	})
}

// A participant without CanSubscribe receives data over its publisher connection.
func TestDataReachesParticipantWithoutCanSubscribe(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		no := false
		ada := s.join(ctx, "ada", o)
		noSubscribe := s.join(ctx, "noSubscribe", o, func(g *token.VideoGrant) { g.CanSubscribe = &no })
		ada.sendBulk(ctx, 3)
		noSubscribe.sendBulk(ctx, 3)
		harness.Eventually(ctx, t, "each receives the other's packets", func() bool { return ada.countPackets() == 3 && noSubscribe.countPackets() == 3 })
	})
}

// Clients choose how to communicate with a participant by its protocol version and capabilities.
func TestClientProtocolAndCapabilitiesAreSentToOtherParticipants(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		bo := s.join(ctx, "bo", o)
		o.ClientInfo = &livekit.ClientInfo{
			Sdk: livekit.ClientInfo_JS, Protocol: 17, ClientProtocol: 2,
			Capabilities: []livekit.ClientInfo_Capability{livekit.ClientInfo_CAP_COMPRESSION_DEFLATE_RAW},
		}
		ada := s.join(ctx, "ada", o)
		harness.Eventually(ctx, t, "bo sees ada", func() bool { return bo.RemoteParticipant("ada") != nil })
		for who, info := range map[string]*livekit.ParticipantInfo{"others": bo.RemoteParticipant("ada"), "itself": ada.Participant()} {
			if info.GetClientProtocol() != 2 || fmt.Sprint(info.GetCapabilities()) != "[CAP_COMPRESSION_DEFLATE_RAW]" {
				t.Errorf("%s: %v", who, info)
			}
		}
	})
}

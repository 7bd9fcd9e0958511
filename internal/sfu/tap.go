package sfu

import (
	"github.com/pion/interceptor"

	"meet/internal/sfu/pacer"
)

// Tap is the one interceptor of a peer connection. Towards publishers it records the arrival of every packet, for
// transport-wide feedback. Towards subscribers it hands each DownTrack the connection's own writer, which spares the packet
// path pion's interceptor chain and its allocation, and keeps the Pacer all of them send through.
type Tap struct {
	interceptor.NoOp
	pacer      *pacer.Pacer
	streams    streamLimit
	arrivals   arrivals
	sentTracks trackRouter
	// What waits to be read of all that the client sends.
	rtp, rtcp unreadBytes
}

// NewTap makes a Tap; add it to a connection's interceptor registry. overflow is called once when the client sends more
// streams than it may, from a goroutine that must not be blocked; the connection has to be ended then.
func NewTap(senderSSRC uint32, onOverflow func()) *Tap {
	return &Tap{
		pacer: pacer.New(), streams: newStreamLimit(onOverflow), arrivals: newArrivals(senderSSRC), sentTracks: newTrackRouter(),
		rtp: unreadBytes{limit: maxUnread}, rtcp: unreadBytes{limit: maxUnreadRTCP},
	}
}

// Close ends what the Pacer does by itself; pion calls it with the connection's end.
func (t *Tap) Close() error {
	t.pacer.Close()
	return nil
}

// PacerStats returns what is known of the path to the subscriber.
func (t *Tap) PacerStats() pacer.Stats { return t.pacer.Stats() }

// NewInterceptor makes Tap its own factory: a registry is made for each connection.
func (t *Tap) NewInterceptor(string) (interceptor.Interceptor, error) { return t, nil }

// BindLocalStream keeps the writer for the DownTrack of that SSRC.
func (t *Tap) BindLocalStream(info *interceptor.StreamInfo, w interceptor.RTPWriter) interceptor.RTPWriter {
	t.sentTracks.bind(info, w)
	return w
}

// UnbindLocalStream forgets it.
func (t *Tap) UnbindLocalStream(info *interceptor.StreamInfo) { t.sentTracks.unbind(info) }

// BindRemoteStream records what is read, if the stream negotiated transport-wide sequence numbers.
func (t *Tap) BindRemoteStream(info *interceptor.StreamInfo, r interceptor.RTPReader) interceptor.RTPReader {
	return t.arrivals.bind(info, r)
}

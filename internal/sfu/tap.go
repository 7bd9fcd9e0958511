package sfu

import (
	"github.com/pion/interceptor"

	"meet/internal/sfu/pacer"
)

// Tap is the only interceptor of a peer connection. For incoming streams it records packet arrivals for transport-wide
// feedback. For outgoing streams it gives each DownTrack the connection's writer. This avoids pion's interceptor chain,
// which would cost time and allocate memory for each packet. The Tap also holds the Pacer through which all DownTracks
// send.
type Tap struct {
	interceptor.NoOp
	pacer      *pacer.Pacer
	streams    streamLimit
	arrivals   arrivals
	sentTracks trackRouter
	// Unread bytes of all incoming streams.
	rtp, rtcp unreadBytes
}

// NewTap returns a Tap to add to a connection's interceptor registry. senderSSRC is the sender's SSRC in the Tap's
// transport-wide feedback. onOverflow is called once if the client exceeds the limits on its streams. It must not
// block. The connection must be closed after that call.
func NewTap(senderSSRC uint32, onOverflow func()) *Tap {
	return &Tap{
		pacer: pacer.New(), streams: newStreamLimit(onOverflow), arrivals: newArrivals(senderSSRC), sentTracks: newTrackRouter(),
		rtp: unreadBytes{limit: maxUnread}, rtcp: unreadBytes{limit: maxUnreadRTCP},
	}
}

// Close ends the Pacer's goroutine. pion calls it when the connection closes.
func (t *Tap) Close() error {
	t.pacer.Close()
	return nil
}

// PacerStats returns the bandwidth estimate and packet counters of the path to the subscriber.
func (t *Tap) PacerStats() pacer.Stats { return t.pacer.Stats() }

// NewInterceptor returns t: the Tap is its own interceptor.Factory, because each connection has its own registry.
func (t *Tap) NewInterceptor(string) (interceptor.Interceptor, error) { return t, nil }

// BindLocalStream stores the writer for the DownTrack with that SSRC.
func (t *Tap) BindLocalStream(info *interceptor.StreamInfo, w interceptor.RTPWriter) interceptor.RTPWriter {
	t.sentTracks.bind(info, w)
	return w
}

// UnbindLocalStream removes the writer of that stream.
func (t *Tap) UnbindLocalStream(info *interceptor.StreamInfo) { t.sentTracks.unbind(info) }

// BindRemoteStream records packet arrivals if the stream has negotiated transport-wide sequence numbers.
func (t *Tap) BindRemoteStream(info *interceptor.StreamInfo, r interceptor.RTPReader) interceptor.RTPReader {
	return t.arrivals.bind(info, r)
}

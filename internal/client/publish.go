package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

// publishTimeout is the longest time that publishing may take. LiveKit's clients wait equally long for the response
// to AddTrack.
const publishTimeout = 10 * time.Second

// PublishOptions describe a track to publish.
type PublishOptions struct {
	Name          string
	Source        livekit.TrackSource // camera or microphone if unset
	MimeType      string              // one of webrtc.MimeType…; determines whether the track is audio or video
	Width, Height uint32
	Layers        []Layer // simulcast layers, smallest first; empty without simulcast
	Muted         bool
	Stereo        bool
	DisableDTX    bool
	DisableRED    bool
	Stream        string // MediaStream that groups tracks; if empty, the server chooses it by the source
	Encryption    livekit.Encryption_Type
	// BackupCodec is the MIME type of a codec that can be published in addition, for subscribers that cannot decode
	// MimeType. See [Client.PublishBackup].
	BackupCodec  string
	BackupPolicy livekit.BackupCodecPolicy
	// OnKeyFrameRequest, if not nil, is called with the layer's index when a subscriber requests a key frame.
	OnKeyFrameRequest func(layer int)
}

// Layer is one encoding of a simulcast track.
type Layer struct {
	RID           string // q, h or f
	Quality       livekit.VideoQuality
	Width, Height uint32
	Bitrate       uint32 // bits per second
}

// Publication is a track that this participant publishes.
type Publication struct {
	c           *Client
	cid         string
	info        *livekit.TrackInfo
	transceiver *webrtc.RTPTransceiver
	layers      []*LocalLayer
	muted       atomic.Bool
	subscribed  atomic.Bool
	keyFrames   atomic.Uint64
}

// Publish publishes a track. It returns when the server has accepted the track and the negotiation is complete.
func (c *Client) Publish(ctx context.Context, opts PublishOptions) (*Publication, error) {
	return c.publish(ctx, opts, "")
}

// PublishBackup adds a second codec, opts.MimeType, to a published track. Servers request it when a subscriber cannot
// decode the first codec.
func (c *Client) PublishBackup(ctx context.Context, track *Publication, opts PublishOptions) (*Publication, error) {
	return c.publish(ctx, opts, track.SID())
}

// publish publishes a new track. If sid is not empty, it instead publishes a second codec of the track with this SID.
func (c *Client) publish(ctx context.Context, opts PublishOptions, sid string) (*Publication, error) {
	p := &Publication{c: c, cid: "TR_" + rand.Text()[:12]}
	p.muted.Store(opts.Muted)
	kind := kindOf(opts.MimeType)
	layers := opts.Layers
	if len(layers) == 0 {
		layers = []Layer{{Quality: livekit.VideoQuality_HIGH, Width: opts.Width, Height: opts.Height}}
	}
	for _, l := range layers {
		local, err := newLocalLayer(p, l.RID, opts.MimeType)
		if err != nil {
			return nil, fmt.Errorf("publish %s: %w", opts.Name, err)
		}
		p.layers = append(p.layers, local)
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	req := addTrack(p.cid, kind, layers, &opts)
	req.Sid = sid
	if err := p.announce(ctx, req); err != nil {
		return nil, fmt.Errorf("publish %s: %w", opts.Name, err)
	}
	if err := p.attach(ctx, &opts); err != nil {
		return nil, fmt.Errorf("publish %s: %w", opts.Name, err)
	}
	return p, nil
}

func kindOf(mime string) livekit.TrackType {
	if strings.HasPrefix(strings.ToLower(mime), "audio/") {
		return livekit.TrackType_AUDIO
	}
	return livekit.TrackType_VIDEO
}

// addTrack returns the AddTrack request for a track.
func addTrack(cid string, kind livekit.TrackType, layers []Layer, opts *PublishOptions) *livekit.AddTrackRequest {
	_, codec, _ := strings.Cut(strings.ToLower(opts.MimeType), "/")
	req := &livekit.AddTrackRequest{
		Cid: cid, Name: opts.Name, Type: kind, Source: opts.Source, Width: opts.Width, Height: opts.Height,
		Muted: opts.Muted, DisableRed: opts.DisableRED, Stream: opts.Stream, Encryption: opts.Encryption,
		BackupCodecPolicy: opts.BackupPolicy,
	}
	if opts.Stereo {
		req.AudioFeatures = append(req.AudioFeatures, livekit.AudioTrackFeature_TF_STEREO)
	}
	if opts.DisableDTX {
		req.AudioFeatures = append(req.AudioFeatures, livekit.AudioTrackFeature_TF_NO_DTX)
	}
	if kind == livekit.TrackType_AUDIO {
		if req.Source == livekit.TrackSource_UNKNOWN {
			req.Source = livekit.TrackSource_MICROPHONE
		}
		return req
	}
	if req.Source == livekit.TrackSource_UNKNOWN {
		req.Source = livekit.TrackSource_CAMERA
	}
	for i, l := range layers {
		req.Layers = append(req.Layers, &livekit.VideoLayer{
			Quality: l.Quality, Width: l.Width, Height: l.Height, Bitrate: l.Bitrate, SpatialLayer: int32(i), Rid: l.RID,
		})
	}
	req.SimulcastCodecs = []*livekit.SimulcastCodec{{Codec: codec, Cid: cid, Layers: req.Layers}}
	if _, backup, ok := strings.Cut(strings.ToLower(opts.BackupCodec), "/"); ok {
		req.SimulcastCodecs = append(req.SimulcastCodecs, &livekit.SimulcastCodec{Codec: backup})
	}
	return req
}

// announce sends AddTrack and waits for the server's response.
func (p *Publication) announce(ctx context.Context, req *livekit.AddTrackRequest) error {
	c := p.c
	if err := c.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: req}}); err != nil {
		return err
	}
	var refused *livekit.RequestResponse
	err := c.Until(ctx, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		p.info, refused = c.session.published[p.cid], c.session.refused[p.cid]
		return p.info != nil || refused != nil
	})
	if err != nil {
		return fmt.Errorf("wait for the server's response: %w", err)
	}
	if p.info == nil {
		return fmt.Errorf("the server refused the track: %s %s", refused.Reason, refused.Message)
	}
	if req.Sid == "" {
		c.update(func() { c.session.publications[p.info.Sid] = p })
	}
	return nil
}

// attach adds the track to the publisher's transport, waits for the negotiation, and starts reading RTCP.
func (p *Publication) attach(ctx context.Context, opts *PublishOptions) error {
	t := p.c.publisher
	tr, err := t.pc.AddTransceiverFromTrack(p.layers[0], webrtc.RTPTransceiverInit{
		Direction: webrtc.RTPTransceiverDirectionSendonly,
	})
	if err != nil {
		return fmt.Errorf("add the track: %w", err)
	}
	p.transceiver = tr
	for _, l := range p.layers[1:] {
		if err := tr.Sender().AddEncoding(l); err != nil {
			return fmt.Errorf("add layer %s: %w", l.rid, err)
		}
	}
	id, err := t.offer(false)
	if err != nil {
		return err
	}
	for i := range p.layers {
		sender := tr.Sender() // nil if the track was removed meanwhile
		p.c.spawn(func() { p.readRTCP(sender, i, opts.OnKeyFrameRequest) })
	}
	if err := p.c.Until(ctx, func() bool { return t.answered(id) && t.connected() }); err != nil {
		return fmt.Errorf("negotiate the track: %w", err)
	}
	return nil
}

// readRTCP reads a layer's RTCP until the sender stops, and counts key frame requests. These reads are also necessary
// for pion's NACK responder, which answers NACKs as they are read.
func (p *Publication) readRTCP(sender *webrtc.RTPSender, layer int, onKeyFrame func(int)) {
	read := sender.ReadRTCP
	if rid := p.layers[layer].rid; rid != "" {
		read = func() ([]rtcp.Packet, interceptor.Attributes, error) {
			return sender.ReadSimulcastRTCP(rid)
		}
	}
	for {
		packets, _, err := read()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				p.keyFrames.Add(1)
				if !p.subscribed.Swap(true) {
					p.c.update(func() {}) // wakes calls of Until
				}
				if onKeyFrame != nil {
					onKeyFrame(layer)
				}
			}
		}
	}
}

// SID returns the track SID, which the server assigned.
func (p *Publication) SID() string { return p.info.Sid }

// CID returns the track id that the client chose.
func (p *Publication) CID() string { return p.cid }

// Info returns the track description in the server's response to AddTrack.
func (p *Publication) Info() *livekit.TrackInfo { return p.info }

// Muted reports whether the track is muted, by this client or by the server.
func (p *Publication) Muted() bool { return p.muted.Load() }

// Subscribed reports whether the server has started to send the track to a subscriber. [Client.Until] can wait for
// it. For hidden subscribers, it becomes true when the server requests a key frame for them.
func (p *Publication) Subscribed() bool { return p.subscribed.Load() }

// KeyFrameRequests returns the number of key frame requests received for all layers.
func (p *Publication) KeyFrameRequests() uint64 { return p.keyFrames.Load() }

// Layers returns the encodings to write to, smallest first. A track without simulcast has one.
func (p *Publication) Layers() []*LocalLayer { return p.layers }

// WriteRTP sends a packet on the last layer. See [LocalLayer.WriteRTP].
func (p *Publication) WriteRTP(packet *rtp.Packet) error {
	return p.layers[len(p.layers)-1].WriteRTP(packet)
}

// WriteFrame packetizes a frame of the given duration and sends it on the last layer.
func (p *Publication) WriteFrame(data []byte, duration time.Duration) error {
	return p.WriteSample(media.Sample{Data: data, Duration: duration})
}

// WritePadding sends padding on the last layer. See [LocalLayer.WritePadding].
func (p *Publication) WritePadding() error { return p.layers[len(p.layers)-1].WritePadding() }

// AdvanceClock advances the RTP clock of the last layer. See [LocalLayer.AdvanceClock].
func (p *Publication) AdvanceClock(d time.Duration) { p.layers[len(p.layers)-1].AdvanceClock(d) }

// WriteSample sends a frame on the last layer. See [LocalLayer.WriteSample].
func (p *Publication) WriteSample(sample media.Sample) error {
	return p.layers[len(p.layers)-1].WriteSample(sample)
}

// SetMuted mutes or unmutes the track and notifies the server. A muted track drops all packets.
func (p *Publication) SetMuted(muted bool) error {
	p.muted.Store(muted)
	req := &livekit.MuteTrackRequest{Sid: p.info.Sid, Muted: muted}
	if err := p.c.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Mute{Mute: req}}); err != nil {
		return fmt.Errorf("mute: %w", err)
	}
	return nil
}

// Unpublish removes the track and waits for the negotiation. There is no signalling message for it: the server
// detects that the media section has become inactive.
func (c *Client) Unpublish(ctx context.Context, p *Publication) error {
	if p.transceiver == nil {
		return errors.New("unpublish: the track is not published")
	}
	if err := c.publisher.pc.RemoveTrack(p.transceiver.Sender()); err != nil {
		return fmt.Errorf("unpublish: %w", err)
	}
	c.update(func() { delete(c.session.publications, p.info.Sid) })
	id, err := c.publisher.offer(false)
	if err != nil {
		return fmt.Errorf("unpublish: %w", err)
	}
	if err := c.Until(ctx, func() bool { return c.publisher.answered(id) }); err != nil {
		return fmt.Errorf("unpublish: negotiate: %w", err)
	}
	return nil
}

// mid returns the id (MID) of the track's media section.
func (p *Publication) mid() string { return p.transceiver.Mid() }

package rtc

import (
	"context"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"
)

// This file bounds what one participant makes the server tell everybody: how much it may have announced at a time, and
// how fast it may change that. What a client announces goes to all others at each change.

const (
	// maxAnnounced bounds what a participant has announced of its tracks, in bytes. A track takes some 300.
	maxAnnounced = 64 << 10
	// announceRate and announceBurst bound the announcements of one participant, in bytes per second and bytes. One that
	// announces more waits: its next messages are read when the bucket has been refilled. Nothing is lost.
	announceRate, announceBurst = 128 << 10, 1 << 20
	// policyCost is what a change of a participant's policy counts for, in bytes: each subscriber may be told.
	policyCost = 4 << 10
	// maxWait bounds how long one message waits, so that the client's pings are answered in time.
	maxWait = 5 * time.Second
)

func newAnnounceLimiter() *rate.Limiter { return rate.NewLimiter(announceRate, announceBurst) }

// announced is what p has announced of its tracks, or may yet, in bytes.
func (p *Participant) announced() int {
	size := 0
	for _, pub := range p.publications {
		size += proto.Size(pub.info)
	}
	for _, t := range p.pending {
		size += proto.Size(t.info)
	}
	for _, req := range p.queued {
		size += proto.Size(req)
	}
	for _, t := range p.dataTracks {
		size += proto.Size(t.info)
	}
	return size
}

// mayAnnounce reports whether p may announce one more track, as a request describes it.
func (p *Participant) mayAnnounce(req proto.Message) bool {
	const added = 64 // bytes of what the server adds, such as the sid
	return p.announced()+proto.Size(req)+added <= maxAnnounced
}

// spend takes n bytes out of p's bucket, which may go below zero.
func (p *Participant) spend(n int) {
	now := time.Now()
	r := p.announceLimiter.ReserveN(now, min(n, announceBurst))
	p.waitUntil = now.Add(min(r.DelayFrom(now), maxWait))
}

// waitForBucket waits until then, or until the participant's client may go on for another reason.
func waitForBucket(ctx context.Context, until time.Time) {
	d := time.Until(until)
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

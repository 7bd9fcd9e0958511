package rtc

import (
	"context"
	"time"

	"github.com/livekit/protocol/livekit"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"
)

// family holds what a room remembers of the bearers of one family of tokens, from one connection to the next.
type family struct {
	bucket *announceBucket
	// granted is the permission that a back end has given since the token was issued; nil if it has not.
	granted *livekit.ParticipantPermission
}

// maxFamilies bounds the families of a room. Beyond it the room forgets a family whose rights no back end has changed,
// else any: a participant of it that comes back has a full bucket, and the rights of its token.
const maxFamilies = 4096

// family returns what the room remembers of the family of a credential. A credential without a family gets a new one.
func (r *Room) family(c Credential) *family {
	f := r.families[c.Family]
	if f != nil {
		return f
	}
	f = &family{bucket: newAnnounceBucket()}
	if c.Family != "" {
		if len(r.families) >= maxFamilies {
			r.evictFamily()
		}
		r.families[c.Family] = f
	}
	return f
}

// evictFamily makes room for another family.
func (r *Room) evictFamily() {
	var chosen string
	for name, f := range r.families {
		if chosen = name; f.granted == nil {
			break
		}
	}
	delete(r.families, chosen)
}

// expireFamilies removes the families about which nothing has to be remembered: their buckets are full again.
func (r *Room) expireFamilies(now time.Time) {
	for name, f := range r.families {
		if f.granted == nil && f.bucket.full(now) {
			delete(r.families, name)
		}
	}
}

// Bounds of announcements: what everybody in the room is sent about one participant. What a client announces goes to all
// others at each change.
const (
	// maxAnnounced bounds what a participant has announced of its tracks, in bytes. A track takes some 300.
	maxAnnounced = 64 << 10
	// announceRate and announceBurst bound the announcements about one family, in bytes per second and bytes. A client
	// that exceeds them waits: its next message is read, or its next join handled, when the bucket is positive again.
	announceRate, announceBurst = 128 << 10, 512 << 10
	// joinCost and policyCost are what a join and a change of a subscription policy cost, in bytes: others are sent the
	// participant's arrival and departure, or what they may receive.
	joinCost, policyCost = 4 << 10, 4 << 10
	// maxAnnounceWait bounds how long one message waits, so that the client's pings are answered in time.
	maxAnnounceWait = 5 * time.Second
)

// announceBucket is a token bucket of bytes, which may go below zero. It may be used by several rooms at once.
type announceBucket struct{ limiter *rate.Limiter }

func newAnnounceBucket() *announceBucket {
	return &announceBucket{rate.NewLimiter(announceRate, announceBurst)}
}

// charge takes n bytes out of the bucket.
func (b *announceBucket) charge(n int) {
	for ; n > announceBurst; n -= announceBurst {
		b.limiter.ReserveN(time.Now(), announceBurst)
	}
	b.limiter.ReserveN(time.Now(), n)
}

func (b *announceBucket) full(now time.Time) bool { return b.limiter.TokensAt(now) >= announceBurst }

// wait waits until the bucket is positive, or one of the contexts ends.
func (b *announceBucket) wait(ctx, ended context.Context) {
	missing := -b.limiter.TokensAt(time.Now())
	if missing <= 0 {
		return
	}
	timer := time.NewTimer(min(time.Duration(missing/announceRate*float64(time.Second)), maxAnnounceWait))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-ended.Done():
	}
}

// announced returns the size of what p has announced of its tracks, in bytes.
func (p *Participant) announced() int { return p.publishing.announced() + p.data.announced() }

// mayAnnounce reports whether p may announce one more track, as a request describes it.
func (p *Participant) mayAnnounce(req proto.Message) bool {
	const added = 64 // bytes of what the server adds, such as the sid
	return p.announced()+proto.Size(req)+added <= maxAnnounced
}

package rtc

import (
	"context"
	"time"

	"github.com/livekit/protocol/livekit"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"
)

// family holds the state that a room stores for one token family: a token and all tokens refreshed from it. The
// state remains when a participant with such a token reconnects.
type family struct {
	bucket *announceBucket
	// granted is the permission that a back end has granted since the token was issued, or nil.
	granted *livekit.ParticipantPermission
}

// maxFamilies is the maximum number of token families stored in a room. If it is exceeded, the room drops a family.
// It prefers a family whose rights no back end has changed. If a participant of a dropped family rejoins, it gets a
// full bucket and the rights in its token.
const maxFamilies = 4096

// family returns what the room stores about the token family of the credential. It creates this state if necessary. For
// a credential without a family it returns a new state, which is not stored.
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

// evictFamily drops a token family to make space for another.
func (r *Room) evictFamily() {
	var chosen string
	for name, f := range r.families {
		if chosen = name; f.granted == nil {
			break
		}
	}
	delete(r.families, chosen)
}

// expireFamilies drops the token families whose state is the same as that of a new family: their bucket is full, and no
// back end has changed their rights.
func (r *Room) expireFamilies(now time.Time) {
	for name, f := range r.families {
		if f.granted == nil && f.bucket.full(now) {
			delete(r.families, name)
		}
	}
}

// Limits for the state of one participant. This state is sent to all participants of the room, and again after each
// change.
const (
	// maxAnnounced is the maximum total size of the descriptions of a participant's tracks, in bytes. One track takes
	// about 300 bytes.
	maxAnnounced = 64 << 10
	// Updates about the participants of one token family are limited by a bucket. announceRate is its refill rate in
	// bytes per second, and announceBurst is its size in bytes. The bucket may become negative. Then the next message or
	// join of the client must wait until the bucket is positive again, but for at most maxAnnounceWait.
	announceRate, announceBurst = 128 << 10, 512 << 10
	// joinCost and policyCost are the bytes charged for a join and for a change of subscription permissions. They stand
	// for the size of the messages that the other participants then get. A join causes messages about the join and later
	// about the departure. A change of permissions causes messages about the changed permissions.
	joinCost, policyCost = 4 << 10, 4 << 10
	// maxAnnounceWait is the maximum time that one message waits for the bucket, so that the client's pings are
	// answered in time.
	maxAnnounceWait = 5 * time.Second
)

// announceBucket is a token bucket that counts bytes and may become negative. It may be used from any goroutine, and by
// several rooms.
type announceBucket struct{ limiter *rate.Limiter }

// newAnnounceBucket returns a full bucket.
func newAnnounceBucket() *announceBucket {
	return &announceBucket{rate.NewLimiter(announceRate, announceBurst)}
}

// charge takes n bytes from the bucket.
func (b *announceBucket) charge(n int) {
	for ; n > announceBurst; n -= announceBurst {
		b.limiter.ReserveN(time.Now(), announceBurst)
	}
	b.limiter.ReserveN(time.Now(), n)
}

// full reports whether the bucket is full at the time now.
func (b *announceBucket) full(now time.Time) bool { return b.limiter.TokensAt(now) >= announceBurst }

// wait waits until the bucket is positive, for at most maxAnnounceWait. It returns earlier if one of the contexts ends.
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

// announced returns the total size of the descriptions of p's tracks, in bytes.
func (p *Participant) announced() int { return p.publishing.announced() + p.data.announced() }

// mayAnnounce reports whether p may announce the track that req describes. The descriptions of all of p's tracks,
// including the new one, must stay within maxAnnounced.
func (p *Participant) mayAnnounce(req proto.Message) bool {
	const added = 64 // estimated bytes that the server adds, such as the track ID
	return p.announced()+proto.Size(req)+added <= maxAnnounced
}

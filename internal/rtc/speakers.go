package rtc

import (
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// qualityTicks is how many ticks pass between two looks at connection quality: 5 s, as the reference server does.
const qualityTicks = int(5 * time.Second / sfu.LevelInterval)

// tick runs every sfu.LevelInterval.
func (r *Room) tick() {
	if r.closed {
		return
	}
	r.ticker = r.after(sfu.LevelInterval, r.tick)
	r.updateSpeakers()
	r.updateForemost()
	r.giveUp(time.Now())
	if r.ticks++; r.ticks%qualityTicks == 0 {
		r.updateQuality()
		r.forgetFamilies(time.Now())
	}
}

// updateSpeakers tells participants who has begun, changed or stopped speaking: the speakers themselves, and those that
// receive them.
func (r *Room) updateSpeakers() {
	var changed []*livekit.SpeakerInfo
	news := map[*Participant][]*livekit.SpeakerInfo{}
	for _, p := range r.participants {
		level := p.loudness()
		if level == p.publishing.level {
			continue
		}
		p.publishing.level = level
		p.forwarding.tellLevel()
		info := p.speaker()
		changed = append(changed, info)
		news[p] = append(news[p], info)
		for o := range p.publishing.audience {
			news[o] = append(news[o], info)
		}
	}
	if len(changed) == 0 {
		return
	}
	all := NewMessage(speakersChangedMessage(changed)) // most participants hear everybody
	for o, heard := range news {
		if len(heard) == len(changed) {
			o.sendShared(all)
		} else {
			o.sendSpeakers(heard)
		}
	}
}

// loudness returns the level of p's microphones since the last call. A muted one is silent.
func (p *Participant) loudness() float32 {
	if p.forwarding.source != nil {
		return p.forwarding.level
	}
	var level float32
	if time.Now().Before(p.simulation.speaksUntil) {
		level = simulatedLevel
	}
	for _, pub := range p.publishing.publications {
		if pub.info.Source != livekit.TrackSource_MICROPHONE {
			continue
		}
		if l := pub.level(); !pub.info.Muted {
			level = max(level, l)
		}
	}
	return level
}

func (p *Participant) speaker() *livekit.SpeakerInfo {
	return &livekit.SpeakerInfo{Sid: p.sid(), Level: p.publishing.level, Active: p.publishing.level > 0}
}

// hears reports whether p receives something of o.
func (p *Participant) hears(o *Participant) bool { return o.publishing.audience[p] > 0 }

func (p *Participant) sendSpeakers(speakers []*livekit.SpeakerInfo) {
	if len(speakers) > 0 {
		p.send(speakersChangedMessage(speakers))
	}
}

// tellAbout tells p, which has just subscribed to o, whether o is speaking and how good its connection is.
func (p *Participant) tellAbout(o *Participant) {
	if o.publishing.level > 0 {
		p.sendSpeakers([]*livekit.SpeakerInfo{o.speaker()})
	}
	p.sendQuality(o)
}

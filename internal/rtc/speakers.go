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
	r.updateMainSpeaker()
	r.expireWaits(time.Now())
	if r.ticks++; r.ticks%qualityTicks == 0 {
		r.updateQuality()
		r.expireFamilies(time.Now())
	}
}

// updateSpeakers tells participants who has begun, changed or stopped speaking: the speakers themselves, and those that
// receive them.
func (r *Room) updateSpeakers() {
	var changed []*livekit.SpeakerInfo
	updates := map[*Participant][]*livekit.SpeakerInfo{}
	for _, p := range r.participants {
		level := p.currentLevel()
		if level == p.publishing.level {
			continue
		}
		p.publishing.level = level
		p.forwarding.sendLevelToMirrors()
		info := p.speakerInfo()
		changed = append(changed, info)
		updates[p] = append(updates[p], info)
		for o := range p.publishing.subscribers {
			updates[o] = append(updates[o], info)
		}
	}
	if len(changed) == 0 {
		return
	}
	all := NewMessage(speakersChangedMessage(changed)) // most participants hear everybody
	for o, infos := range updates {
		if len(infos) == len(changed) {
			o.sendShared(all)
		} else {
			o.sendSpeakers(infos)
		}
	}
}

// loudness returns the level of p's microphones since the last call. A muted one is silent.
func (p *Participant) currentLevel() float32 {
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

func (p *Participant) speakerInfo() *livekit.SpeakerInfo {
	return &livekit.SpeakerInfo{Sid: p.sid(), Level: p.publishing.level, Active: p.publishing.level > 0}
}

// hears reports whether p receives something of o.
func (p *Participant) receivesFrom(o *Participant) bool { return o.publishing.subscribers[p] > 0 }

func (p *Participant) sendSpeakers(speakers []*livekit.SpeakerInfo) {
	if len(speakers) > 0 {
		p.send(speakersChangedMessage(speakers))
	}
}

// sendSpeakerState tells p, which has just subscribed to o, whether o is speaking and how good its connection is.
func (p *Participant) sendSpeakerState(o *Participant) {
	if o.publishing.level > 0 {
		p.sendSpeakers([]*livekit.SpeakerInfo{o.speakerInfo()})
	}
	p.sendQuality(o)
}

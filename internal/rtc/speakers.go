package rtc

import (
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// qualityTicks is the number of ticks between two updates of the connection quality: 5 s, as in the reference server.
const qualityTicks = int(5 * time.Second / sfu.LevelInterval)

// tick runs every sfu.LevelInterval until the room closes.
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

// updateSpeakers sends changes of audio levels to the speakers themselves and to the participants that receive from
// them.
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
	all := NewMessage(speakersChangedMessage(changed)) // shared, because most participants receive from all others
	for o, infos := range updates {
		if len(infos) == len(changed) {
			o.sendShared(all)
		} else {
			o.sendSpeakers(infos)
		}
	}
}

// currentLevel returns the audio level of p's microphones, from 0 to 1, since currentLevel was last called. A muted
// microphone counts as silent.
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

// speakerInfo returns p's audio level as a protocol message.
func (p *Participant) speakerInfo() *livekit.SpeakerInfo {
	return &livekit.SpeakerInfo{Sid: p.sid(), Level: p.publishing.level, Active: p.publishing.level > 0}
}

// receivesFrom reports whether p is subscribed to a track of o.
func (p *Participant) receivesFrom(o *Participant) bool { return o.publishing.subscribers[p] > 0 }

// sendSpeakers sends p the given levels, if there are any.
func (p *Participant) sendSpeakers(speakers []*livekit.SpeakerInfo) {
	if len(speakers) > 0 {
		p.send(speakersChangedMessage(speakers))
	}
}

// sendSpeakerState sends p the audio level and connection quality of o. It is called when p has subscribed to o.
func (p *Participant) sendSpeakerState(o *Participant) {
	if o.publishing.level > 0 {
		p.sendSpeakers([]*livekit.SpeakerInfo{o.speakerInfo()})
	}
	p.sendQuality(o)
}

package metrics

import "github.com/prometheus/client_golang/prometheus"

// snapshot is everything at one moment.
type snapshot struct {
	Media
	Socket
	Agents  Agents
	signals int
	relays  int
	Webhooks
}

// values are a figure's, by its label; the label of one that has none is "".
type values map[string]float64

// figure is one name of Prometheus's, and where its values come from.
type figure struct {
	desc     *prometheus.Desc
	kind     prometheus.ValueType
	labelled bool
	read     func(*snapshot) values
}

// figures are all there are, in the order of their subjects.
func figures() []figure {
	return []figure{
		gauge("meet_rooms", "Rooms that are open.", func(s *snapshot) int { return s.Rooms }),
		gauge("meet_participants", "Participants in all rooms, with agents and recorders.", func(s *snapshot) int { return s.Participants }),
		gauge("meet_publishers", "Participants who publish a track.", func(s *snapshot) int { return s.Publishers }),
		gaugeBy("meet_tracks", "Published tracks.", "kind", func(s *snapshot) values {
			return values{"audio": float64(s.AudioTracks), "video": float64(s.VideoTracks), "data": float64(s.DataTracks)}
		}),
		gaugeBy("meet_subscriptions", "Tracks that go to a subscriber.", "kind", func(s *snapshot) values {
			return values{"audio": float64(s.AudioSubscriptions), "video": float64(s.VideoSubscriptions)}
		}),
		gauge("meet_paused_pictures", "Pictures that are not sent because a subscriber's connection is too narrow.", func(s *snapshot) int { return s.PausedVideos }),
		gauge("meet_room_backlog", "Things that rooms have yet to do.", func(s *snapshot) int { return s.Waiting }),
		gauge("meet_signal_connections", "Connections of signalling.", func(s *snapshot) int { return s.signals }),
		gauge("meet_agent_workers", "Agent workers that are connected.", func(s *snapshot) int { return s.Agents.Workers }),
		gaugeBy("meet_agent_jobs", "Jobs of agents.", "state", func(s *snapshot) values {
			return values{"running": float64(s.Agents.Jobs), "waiting": float64(s.Agents.Waiting)}
		}),
		gauge("meet_relays", "Relays of TURN.", func(s *snapshot) int { return s.relays }),
		gauge("meet_webhooks_pending", "Deliveries of events that receivers have yet to take.", func(s *snapshot) int { return s.Pending }),
		gauge("meet_webhooks_aside", "Events put aside because a receiver never took them.", func(s *snapshot) int { return s.DeadLetters }),

		counterBy("meet_udp_packets_total", "Packets through the media socket.", func(s *snapshot) values {
			return values{"in": float64(s.PacketsIn), "out": float64(s.PacketsOut)}
		}),
		counterBy("meet_udp_bytes_total", "Bytes of them.", func(s *snapshot) values {
			return values{"in": float64(s.BytesIn), "out": float64(s.BytesOut)}
		}),
		counterBy("meet_udp_calls_total", "System calls that took them; several packets share one.", func(s *snapshot) values {
			return values{"in": float64(s.CallsIn), "out": float64(s.CallsOut)}
		}),
		counter("meet_udp_dropped_total", "Packets that the kernel did not take, or a connection not in time.", func(s *snapshot) uint64 { return s.Dropped }),
		counter("meet_publisher_packets_missed_total", "Packets of publishers that were lost and asked for again.", func(s *snapshot) uint64 { return s.Missed }),
		counter("meet_publisher_key_frames_asked_total", "Key frames asked of publishers.", func(s *snapshot) uint64 { return s.KeyFramesAsked }),
		counter("meet_subscriber_packets_missed_total", "Packets that subscribers lost and asked for again.", func(s *snapshot) uint64 { return s.NACKed }),
		counter("meet_subscriber_packets_resent_total", "Packets of those that were sent again.", func(s *snapshot) uint64 { return s.Resent }),
		counter("meet_subscriber_packets_expected_total", "Packets sent to subscribers, by their reports.", func(s *snapshot) uint64 { return s.Expected }),
		counter("meet_subscriber_packets_lost_total", "Packets of those that did not arrive the first time.", func(s *snapshot) uint64 { return s.Lost }),
		counter("meet_subscriber_key_frames_wanted_total", "Key frames that subscribers asked for.", func(s *snapshot) uint64 { return s.KeyFramesWanted }),
	}
}

func gauge(name, help string, read func(*snapshot) int) figure {
	return figure{
		desc: prometheus.NewDesc(name, help, nil, nil), kind: prometheus.GaugeValue,
		read: func(s *snapshot) values { return values{"": float64(read(s))} },
	}
}

func gaugeBy(name, help, label string, read func(*snapshot) values) figure {
	return figure{desc: prometheus.NewDesc(name, help, []string{label}, nil), kind: prometheus.GaugeValue, labelled: true, read: read}
}

func counter(name, help string, read func(*snapshot) uint64) figure {
	return figure{
		desc: prometheus.NewDesc(name, help, nil, nil), kind: prometheus.CounterValue,
		read: func(s *snapshot) values { return values{"": float64(read(s))} },
	}
}

// counterBy counts what goes both ways.
func counterBy(name, help string, read func(*snapshot) values) figure {
	return figure{desc: prometheus.NewDesc(name, help, []string{"direction"}, nil), kind: prometheus.CounterValue, labelled: true, read: read}
}

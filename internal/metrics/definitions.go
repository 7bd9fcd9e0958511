package metrics

import "github.com/prometheus/client_golang/prometheus"

// snapshot holds the values of all sources at one scrape.
type snapshot struct {
	Media
	Socket
	Agents  Agents
	signals int
	relays  Relays
	Webhooks
}

// values maps each value of a metric's label to the metric's value. A metric without a label has the single key "".
type values map[string]float64

// definition defines one Prometheus metric and how its values are read from a snapshot.
type definition struct {
	desc     *prometheus.Desc
	kind     prometheus.ValueType
	labelled bool
	read     func(*snapshot) values
}

// definitions returns all metrics that are read from a snapshot, grouped by subject.
func definitions() []definition {
	return []definition{
		gauge("meet_rooms", "Open rooms.", func(s *snapshot) int { return s.Rooms }),
		gauge("meet_participants", "Participants in all rooms, including agents and recorders.", func(s *snapshot) int { return s.Participants }),
		gauge("meet_publishers", "Participants that publish at least one track.", func(s *snapshot) int { return s.Publishers }),
		gaugeBy("meet_tracks", "Published tracks.", "kind", func(s *snapshot) values {
			return values{"audio": float64(s.AudioTracks), "video": float64(s.VideoTracks), "data": float64(s.DataTracks)}
		}),
		gaugeBy("meet_subscriptions", "Subscriptions to tracks.", "kind", func(s *snapshot) values {
			return values{"audio": float64(s.AudioSubscriptions), "video": float64(s.VideoSubscriptions)}
		}),
		gauge("meet_paused_video_subscriptions", "Video subscriptions that are paused because the subscriber's bandwidth is too low.", func(s *snapshot) int { return s.PausedVideos }),
		gauge("meet_room_backlog", "Tasks queued in the event loops of all rooms.", func(s *snapshot) int { return s.Waiting }),
		gauge("meet_signal_connections", "Open signalling connections.", func(s *snapshot) int { return s.signals }),
		gauge("meet_agent_workers", "Connected agent workers.", func(s *snapshot) int { return s.Agents.Workers }),
		gaugeBy("meet_agent_jobs", "Agent jobs.", "state", func(s *snapshot) values {
			return values{"running": float64(s.Agents.Jobs), "waiting": float64(s.Agents.Waiting)}
		}),
		gauge("meet_relays", "TURN allocations.", func(s *snapshot) int { return s.relays.Open }),
		gauge("meet_webhooks_pending", "Webhook deliveries that receivers have not accepted yet.", func(s *snapshot) int { return s.Pending }),
		gauge("meet_webhooks_dead_letters", "Webhook events that no retry could deliver and that are stored as dead letters.", func(s *snapshot) int { return s.DeadLetters }),

		counterByDirection("meet_udp_packets_total", "Packets received and sent by the media socket.", func(s *snapshot) values {
			return values{"in": float64(s.PacketsIn), "out": float64(s.PacketsOut)}
		}),
		counterByDirection("meet_udp_bytes_total", "Bytes received and sent by the media socket.", func(s *snapshot) values {
			return values{"in": float64(s.BytesIn), "out": float64(s.BytesOut)}
		}),
		counterByDirection("meet_udp_calls_total", "System calls that received or sent packets of the media socket; one call can carry several packets.", func(s *snapshot) values {
			return values{"in": float64(s.CallsIn), "out": float64(s.CallsOut)}
		}),
		counterByDirection("meet_relay_bytes_total", "Bytes that clients sent through TURN relays, and that participants received through them.", func(s *snapshot) values {
			return values{"in": float64(s.relays.BytesIn), "out": float64(s.relays.BytesOut)}
		}),
		counter("meet_udp_dropped_total", "Packets dropped because the kernel refused them or a connection's queue was full.", func(s *snapshot) uint64 { return s.Dropped }),
		counter("meet_publisher_packets_missed_total", "Packets lost from publishers and requested again by NACK.", func(s *snapshot) uint64 { return s.NACKsSent }),
		counter("meet_publisher_key_frames_requested_total", "Key frames requested from publishers.", func(s *snapshot) uint64 { return s.KeyFrameRequestsSent }),
		counter("meet_subscriber_packets_missed_total", "Packets that subscribers lost and requested again by NACK.", func(s *snapshot) uint64 { return s.NACKsReceived }),
		counter("meet_subscriber_packets_resent_total", "Packets retransmitted to subscribers.", func(s *snapshot) uint64 { return s.Retransmitted }),
		counter("meet_subscriber_packets_expected_total", "Packets sent to subscribers, according to their receiver reports.", func(s *snapshot) uint64 { return s.ReportedExpected }),
		counter("meet_subscriber_packets_lost_total", "Packets that did not reach subscribers at the first attempt, according to their receiver reports.", func(s *snapshot) uint64 { return s.ReportedLost }),
		counter("meet_subscriber_key_frames_requested_total", "Key frames that subscribers requested.", func(s *snapshot) uint64 { return s.KeyFrameRequestsReceived }),
	}
}

// gauge defines a gauge without a label.
func gauge(name, help string, read func(*snapshot) int) definition {
	return definition{
		desc: prometheus.NewDesc(name, help, nil, nil), kind: prometheus.GaugeValue,
		read: func(s *snapshot) values { return values{"": float64(read(s))} },
	}
}

// gaugeBy defines a gauge with one label.
func gaugeBy(name, help, label string, read func(*snapshot) values) definition {
	return definition{desc: prometheus.NewDesc(name, help, []string{label}, nil), kind: prometheus.GaugeValue, labelled: true, read: read}
}

// counter defines a counter without a label.
func counter(name, help string, read func(*snapshot) uint64) definition {
	return definition{
		desc: prometheus.NewDesc(name, help, nil, nil), kind: prometheus.CounterValue,
		read: func(s *snapshot) values { return values{"": float64(read(s))} },
	}
}

// counterByDirection defines a counter with the label "direction", whose values are "in" and "out".
func counterByDirection(name, help string, read func(*snapshot) values) definition {
	return definition{desc: prometheus.NewDesc(name, help, []string{"direction"}, nil), kind: prometheus.CounterValue, labelled: true, read: read}
}

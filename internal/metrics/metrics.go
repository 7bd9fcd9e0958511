package metrics

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics serves the server's metrics. Its methods may be called from any goroutine.
type Metrics struct {
	registry *prometheus.Registry
	events   *prometheus.CounterVec
	joins    prometheus.Histogram
}

// New returns the metrics of these sources. version is the version of the running build.
func New(version string, s Sources) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "meet_room_events_total", Help: "Events in rooms, named as in LiveKit's webhooks.",
		}, []string{"event"}),
		joins: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "meet_join_seconds", Help: "Time from a participant's join request until its connection is established.",
			Buckets: []float64{0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12},
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "meet_build_info", Help: "Always 1; the label is the running version.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(
		m.events, m.joins, build, newCollector(s),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// CountEvent counts an event in a room, by its webhook name.
func (m *Metrics) CountEvent(name string) { m.events.WithLabelValues(name).Inc() }

// ObserveJoin records how long a participant took to join.
func (m *Metrics) ObserveJoin(took time.Duration) { m.joins.Observe(took.Seconds()) }

// Handler returns the handler that answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: scrapeTimeout})
}

// scrapeTimeout is how long a scrape may wait for the rooms' statistics. Prometheus itself gives up after 10 s.
const scrapeTimeout = 5 * time.Second

// collector is the prometheus.Collector that reads all sources on each scrape.
type collector struct {
	sources     Sources
	definitions []definition
	roundTrips  *prometheus.Desc
	forwarding  *prometheus.Desc
}

// newCollector returns a collector of these sources.
func newCollector(s Sources) *collector {
	trips := prometheus.NewDesc("meet_subscriber_round_trip_seconds", "Round-trip time to subscribers, according to their receiver reports.", nil, nil)
	ways := prometheus.NewDesc("meet_forwarding_seconds", "Time from when a publisher's packet was read and decrypted until a subscriber's copy was encrypted and "+
		"queued for the socket. Measured for a sample of the packets, without those that the pacer delayed.", nil, nil)
	return &collector{sources: s, definitions: definitions(), roundTrips: trips, forwarding: ways}
}

// Describe sends the descriptions of all metrics, as prometheus.Collector requires.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, f := range c.definitions {
		out <- f.desc
	}
	out <- c.roundTrips
	out <- c.forwarding
}

// Collect reads all sources once and sends the metrics' values.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	s := snapshot{c.sources.Media(ctx), c.sources.Socket(), c.sources.Agents(), c.sources.SignalConnections(), c.sources.Relays(), c.sources.Webhooks(ctx)}
	out <- prometheus.MustNewConstHistogram(c.roundTrips, s.RoundTrips, s.RoundTripSeconds, s.RoundTripsWithin)
	out <- prometheus.MustNewConstHistogram(c.forwarding, s.Forwarded, s.ForwardedSeconds, s.ForwardedWithin)
	for _, f := range c.definitions {
		for label, value := range f.read(&s) {
			if f.labelled {
				out <- prometheus.MustNewConstMetric(f.desc, f.kind, value, label)
			} else {
				out <- prometheus.MustNewConstMetric(f.desc, f.kind, value)
			}
		}
	}
}

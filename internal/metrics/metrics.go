package metrics

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics answers scrapes.
type Metrics struct {
	registry *prometheus.Registry
	events   *prometheus.CounterVec
	joins    prometheus.Histogram
}

// New makes Metrics of these sources, in a build of that version.
func New(version string, s Sources) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "meet_room_events_total", Help: "What happened in rooms, by the names of LiveKit's webhooks.",
		}, []string{"event"}),
		joins: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "meet_join_seconds", Help: "From the request to join until the connection worked.",
			Buckets: []float64{0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12},
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "meet_build_info", Help: "Always 1; the label says which version runs.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(
		m.events, m.joins, build, newCollector(s),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// CountEvent counts something that happened in a room.
func (m *Metrics) CountEvent(name string) { m.events.WithLabelValues(name).Inc() }

// ObserveJoin takes how long a join took.
func (m *Metrics) ObserveJoin(took time.Duration) { m.joins.Observe(took.Seconds()) }

// Handler serves the text.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: scrapeTimeout})
}

// scrapeTimeout is how long the rooms may take to answer; Prometheus gives up after 10 s.
const scrapeTimeout = 5 * time.Second

// collector reads the sources on each scrape.
type collector struct {
	sources Sources
	figures []figure
	trips   *prometheus.Desc
	ways    *prometheus.Desc
}

func newCollector(s Sources) *collector {
	trips := prometheus.NewDesc("meet_subscriber_round_trip_seconds", "Round trips to subscribers, by their reports.", nil, nil)
	ways := prometheus.NewDesc("meet_forwarding_seconds", "From when a publisher's packet was read and decrypted until a subscriber's copy was encrypted and "+
		"queued for the socket: of a sample, without those held back because the subscriber's connection is too narrow.", nil, nil)
	return &collector{sources: s, figures: figures(), trips: trips, ways: ways}
}

// Describe tells Prometheus's registry all names.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, f := range c.figures {
		out <- f.desc
	}
	out <- c.trips
	out <- c.ways
}

// Collect reads everything once.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	s := snapshot{c.sources.Media(ctx), c.sources.Socket(), c.sources.Agents(), c.sources.SignalConnections(), c.sources.Relays(), c.sources.Webhooks(ctx)}
	out <- prometheus.MustNewConstHistogram(c.trips, s.Reported, s.ReportedSeconds, s.ReportedWithin)
	out <- prometheus.MustNewConstHistogram(c.ways, s.Forwarded, s.ForwardedSeconds, s.ForwardedWithin)
	for _, f := range c.figures {
		for label, value := range f.read(&s) {
			if f.labelled {
				out <- prometheus.MustNewConstMetric(f.desc, f.kind, value, label)
			} else {
				out <- prometheus.MustNewConstMetric(f.desc, f.kind, value)
			}
		}
	}
}

// Package metrics exports the server's statistics in Prometheus's text format. Rare events are counted when they happen;
// all other values are read from their [Sources] on each scrape. Every label has a fixed set of values: none names a
// room or a person.
package metrics

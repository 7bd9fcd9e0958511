package publicip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Times of queries.
const (
	// defaultInterval is the time between two successful queries. Home routers change their address about once a day.
	defaultInterval = 5 * time.Minute
	// firstRetry is the time after the first failed query. It doubles with each further failure, up to the interval.
	firstRetry = 5 * time.Second
)

// maxAddresses is the maximum number of addresses that a Watcher takes from one source.
const maxAddresses = 8

// Options configure a Watcher. The zero value is usable.
type Options struct {
	STUNServer string        // host:port; "" for none
	Domain     string        // DNS name of this server; "" for none
	Resolver   *net.Resolver // resolves Domain; nil means the system's
	Interval   time.Duration // time between queries; 0 means 5 minutes
	Log        *slog.Logger  // nil discards all messages
}

// Watcher finds the public addresses of this machine again and again. Its methods may be called from any goroutine.
type Watcher struct {
	log      *slog.Logger
	interval time.Duration
	cancel   context.CancelFunc
	work     sync.WaitGroup

	mu    sync.Mutex
	found map[string][]netip.Addr // by source
}

// The sources of addresses, as logged. Each IP version of the STUN server is a source, because its address is kept when only
// the other version answers.
const (
	stun4Source  = "STUN server over IPv4"
	stun6Source  = "STUN server over IPv6"
	domainSource = "domain"
)

// Watch starts a Watcher. It does not wait for the first addresses. The caller has to call Close.
func Watch(o Options) *Watcher {
	ctx, cancel := context.WithCancel(context.Background())
	w := &Watcher{log: o.Log, interval: cmp.Or(o.Interval, defaultInterval), cancel: cancel, found: map[string][]netip.Addr{}}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	if o.STUNServer != "" {
		w.work.Go(func() { // ends when Close cancels ctx
			w.repeat(ctx, "the STUN server did not report the public address of this machine", o.STUNServer, func(ctx context.Context) error { return w.querySTUN(ctx, o.STUNServer) })
		})
	}
	if o.Domain != "" {
		w.work.Go(func() { // ends when Close cancels ctx
			w.repeat(ctx, "the domain does not resolve to a usable IP address", o.Domain, func(ctx context.Context) error { return w.resolve(ctx, o.Resolver, o.Domain) })
		})
	}
	return w
}

// Addresses returns the public addresses that are known now, in a fixed order without duplicates.
func (w *Watcher) Addresses() (all []netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, source := range []string{stun4Source, stun6Source, domainSource} {
		for _, a := range w.found[source] {
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	return all
}

// Close ends the queries and waits for them.
func (w *Watcher) Close() {
	w.cancel()
	w.work.Wait()
}

// repeat runs query until ctx ends: every w.interval after a success, and sooner after a failure. It logs the first of
// successive failures with the text message.
func (w *Watcher) repeat(ctx context.Context, message, source string, query func(context.Context) error) {
	retry := firstRetry
	for failed := false; ; {
		err := query(ctx)
		wait := w.interval
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			failed, retry = false, firstRetry
		default:
			if !failed {
				w.log.Warn(message, "source", source, "err", err)
			}
			failed, wait, retry = true, min(retry, w.interval), min(2*retry, w.interval)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// querySTUN asks a STUN server over both IP versions. It fails if both fail.
func (w *Watcher) querySTUN(ctx context.Context, server string) error {
	var errs [2]error
	var both sync.WaitGroup
	for i, source := range []string{stun4Source, stun6Source} {
		both.Go(func() { // ends within queryTimeout
			a, err := QuerySTUN(ctx, []string{"udp4", "udp6"}[i], server)
			if errs[i] = err; err == nil {
				w.store(source, []netip.Addr{a})
			}
		})
	}
	both.Wait()
	if errs[0] != nil && errs[1] != nil {
		return errors.Join(errs[:]...)
	}
	return nil
}

// resolve looks up the addresses of a domain.
func (w *Watcher) resolve(ctx context.Context, resolver *net.Resolver, domain string) error {
	all, err := Resolve(ctx, resolver, domain)
	if err != nil {
		return err
	}
	w.store(domainSource, all)
	return nil
}

// Resolve looks up the addresses of a domain that other machines can use, in a fixed order without duplicates, at most
// maxAddresses. It fails if there are none. A nil resolver means the system's.
func Resolve(ctx context.Context, resolver *net.Resolver, domain string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	all, err := resolver.LookupNetIP(ctx, "ip", domain+".") // the dot excludes search domains
	if err != nil {
		return nil, err
	}
	var usable []netip.Addr
	for _, a := range all {
		if a = a.Unmap(); a.IsGlobalUnicast() && !slices.Contains(usable, a) { // a hosts file may contain loopback addresses
			usable = append(usable, a)
		}
	}
	if len(usable) == 0 {
		return nil, fmt.Errorf("no other machine can use its addresses %v; correct the DNS record, or the entry in the hosts file of this machine", all)
	}
	slices.SortFunc(usable, netip.Addr.Compare) // name servers rotate addresses
	return usable[:min(len(usable), maxAddresses)], nil
}

// store replaces the addresses of a source, and logs a change.
func (w *Watcher) store(source string, addresses []netip.Addr) {
	w.mu.Lock()
	old := w.found[source]
	w.found[source] = addresses
	w.mu.Unlock()
	if !slices.Equal(old, addresses) {
		w.log.Info("public addresses changed", "source", source, "old", old, "new", addresses)
	}
}

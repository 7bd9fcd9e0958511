package assets

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// updateTimeout is how long an update may take that nobody waits for. A slow line brings a build in a minute.
const updateTimeout = 15 * time.Minute

// Follow takes what is published, at once and then again after every interval until ctx ends; an interval of 0 is once.
// Intervals differ by up to a tenth, and the first is cut short at random, so that servers which start together do not
// ask together. A failure is told once, until it is another one or over.
func Poll(ctx context.Context, u *Updater, interval time.Duration, log *slog.Logger) {
	lastFailure := ""
	wait := time.Duration(rand.Int64N(int64(interval)/10 + 1))
	for {
		u.runOnce(ctx, log, &lastFailure)
		if interval == 0 {
			return
		}
		select {
		case <-time.After(interval - wait):
		case <-ctx.Done():
			return
		}
		wait = time.Duration(rand.Int64N(int64(interval)/5+1)) - interval/10
	}
}

func (u *Updater) runOnce(ctx context.Context, log *slog.Logger, lastFailure *string) {
	running, cancel := context.WithTimeout(ctx, updateTimeout)
	defer cancel()
	o, err := u.Run(running)
	switch {
	case ctx.Err() != nil: // the server is closing
	case err != nil:
		if text := err.Error(); text != *lastFailure {
			*lastFailure = text
			log.Warn("front end not updated; the one in use goes on", "source", u.Source.String(), "err", err)
		}
		return
	case o.Build != nil:
		log.Info("front end taken", "source", u.Source.String(), "build", o.ID, "revision", o.Revision, "files", len(o.New))
	case *lastFailure != "":
		log.Info("front end's source answers again", "source", u.Source.String())
	}
	*lastFailure = ""
}

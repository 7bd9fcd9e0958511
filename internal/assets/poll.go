package assets

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// updateTimeout limits the duration of an automatic update. A slow connection needs about a minute.
const updateTimeout = 15 * time.Minute

// Poll runs u immediately and then after every interval until ctx ends. If interval is 0, it runs u only once. Each
// interval is varied by up to 10 %, and the first is shortened at random, so that servers started together do not
// query the source together. An error is not logged if it is the same as that of the run before.
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

// runOnce runs one update and logs its result. *lastFailure is the text of the last update's error, "" if that update
// succeeded. The same error is not logged twice in a row.
func (u *Updater) runOnce(ctx context.Context, log *slog.Logger, lastFailure *string) {
	running, cancel := context.WithTimeout(ctx, updateTimeout)
	defer cancel()
	o, err := u.Run(running)
	switch {
	case ctx.Err() != nil: // the server is closing
	case err != nil:
		if text := err.Error(); text != *lastFailure {
			*lastFailure = text
			log.Warn("the front end was not updated and stays as it is", "source", u.Source.String(), "err", err)
		}
		return
	case o.Build != nil:
		log.Info("front end installed", "source", u.Source.String(), "build", o.ID, "revision", o.Revision, "files", len(o.New))
	case *lastFailure != "":
		log.Info("the front end's source answers again", "source", u.Source.String())
	}
	*lastFailure = ""
}

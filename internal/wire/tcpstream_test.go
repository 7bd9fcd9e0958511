package wire

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// ProtocolMux.Close waits for all streams. So a stream whose client reads nothing has to end after streamCloseTimeout, not
// after the longer streamWriteTimeout.
func TestClosingStreamWaitsAtMostStreamCloseTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe() // nobody reads from theirs
		defer func() { _ = theirs.Close() }()
		s := newTCPStream(ours)
		var writer sync.WaitGroup
		writer.Go(s.writeAll)
		s.write([]byte("media"))
		synctest.Wait() // until writeAll blocks in Write
		start := time.Now()
		s.close()
		writer.Wait()
		if took := time.Since(start); took > streamCloseTimeout {
			t.Errorf("closing took %v, want at most %v", took, streamCloseTimeout)
		}
	})
}

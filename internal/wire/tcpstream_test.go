package wire

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A stream that closes does not wait for a client that takes nothing as long as one that goes on would: the port's closing
// waits for all of them.
func TestClosingStreamWaitsBriefly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe() // nobody reads
		defer func() { _ = theirs.Close() }()
		s := newTCPStream(ours)
		var writer sync.WaitGroup
		writer.Go(s.writeAll)
		s.write([]byte("media"))
		synctest.Wait() // it is being written
		began := time.Now()
		s.close()
		writer.Wait()
		if took := time.Since(began); took > streamCloseTimeout {
			t.Errorf("it took %v to close, of %v", took, streamCloseTimeout)
		}
	})
}

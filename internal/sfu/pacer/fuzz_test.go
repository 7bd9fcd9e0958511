package pacer

import (
	"testing"
	"time"

	"github.com/pion/rtp"
)

// FuzzHandleRTCP passes arbitrary RTCP packets to the Pacer.
func FuzzHandleRTCP(f *testing.F) {
	f.Add([]byte{0x8f, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 1, 0xff, 0xff, 0xff, 0, 0, 0, 7})
	f.Add([]byte{0x8f, 205, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 1, 0, 0x20, 3, 4, 4})
	f.Fuzz(func(t *testing.T, raw []byte) {
		p := New()
		defer p.Close()
		out := &stubWriter{}
		h := rtp.Header{Version: 2}
		var number [2]byte
		now := time.Unix(1_700_000_000, 0)
		for range 5 {
			now = now.Add(20 * time.Millisecond)
			p.Send(&Packet{Writer: out, Header: &h, TWCCExtension: numberID, TWCCNumber: &number, Video: true, Urgent: true}, now)
			p.HandleRTCP(raw, now)
		}
		if rate := p.Capacity(now).Bitrate; rate <= 0 {
			t.Errorf("the estimate is %d", rate)
		}
	})
}

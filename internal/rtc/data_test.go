package rtc

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// What a client sends on the channel of data tracks, which every client opens, is not for others.
func TestDataTracksAreIgnored(t *testing.T) {
	h := newHouse(t)
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	ada.state(func(p *Participant) {
		p.dataArrived(dataTrackLabel, []byte("x"))
		p.dataArrived("an application's own", []byte("y"))
	})
	bo.state(func(p *Participant) {
		if n := len(p.data.waiting); n != 1 {
			t.Errorf("%d messages wait for bo, want the application's", n)
		}
	})
}

// Nobody can make the server hold a buffer for each of thousands of data channels.
func TestChannelsAreBounded(t *testing.T) {
	h := newHouse(t)
	req := request("mallory")
	req.SinglePC = true
	m := h.join(req)
	var closed atomic.Int32
	const extra = 8
	for i := range maxChannels + extra {
		dc, err := m.pc.CreateDataChannel(fmt.Sprint(i), nil)
		if err != nil {
			t.Fatal(err)
		}
		dc.OnClose(func() { closed.Add(1) })
	}
	m.negotiate()
	eventually(t, "those over the limit are closed", func() bool { return closed.Load() == extra })
	if n := m.participant.channels.Load(); n != maxChannels {
		t.Errorf("%d channels are open", n)
	}
}

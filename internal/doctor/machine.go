package doctor

import (
	"net"
	"runtime/debug"
	"time"

	"meet/internal/wire"
)

// clock checks whether tokens, which other machines make and check, are dated right.
func checkClock() Finding {
	now := time.Now()
	built := buildTime()
	kept, known := clockSynchronized()
	return judgeClock(now, built, kept, known)
}

func judgeClock(now, built time.Time, kept, known bool) Finding {
	const check = "clock"
	f := finding(check, "it is %s", now.UTC().Format(time.RFC3339))
	switch {
	case now.Before(built):
		f.Text += ", which is before this program was built"
		return f.withAdvice(Fail, "set the clock: access tokens would not be valid")
	case known && !kept:
		f.Text += ", and nothing keeps the clock right"
		return f.withAdvice(Warn, "run an NTP service, such as systemd-timesyncd or chrony: a minute off, and access tokens are refused")
	case known:
		f.Text += ", kept right by NTP"
	}
	return f
}

// buildTime is that of the source, or zero.
func buildTime() (t time.Time) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return t
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			t, _ = time.Parse(time.RFC3339, s.Value) // zero if it is not there
		}
	}
	return t
}

// enoughFiles leaves room for a thousand people: each has a socket for pages, one for signalling, at times one for media.
const minOpenFiles = 4096

func checkOpenFiles() Finding {
	const check = "open files"
	limit, known := fileLimit()
	if !known {
		return finding(check, "this system names no limit")
	}
	f := finding(check, "at most %d", limit)
	if limit < minOpenFiles {
		return f.withAdvice(Warn, "each person needs about three: raise it with ulimit -n 65536, or LimitNOFILE=65536 in the systemd unit")
	}
	return f
}

// wantedBuffer is what the server asks the kernel for.
const wantedBuffer = 8 << 20

// socketBuffers asks for the buffers of the server's socket and looks at what it got.
func checkSocketBuffers() Finding {
	const check = "UDP buffers"
	conn, err := net.ListenUDP("udp", nil)
	if err != nil {
		return finding(check, "no UDP socket can be opened: %v", err).withAdvice(Fail, "look at this machine's network")
	}
	defer func() { _ = conn.Close() }()   // nothing was sent
	_ = conn.SetReadBuffer(wantedBuffer)  // what it got is read below
	_ = conn.SetWriteBuffer(wantedBuffer) // likewise
	in, out, known := bufferSizes(conn)
	if !known {
		return finding(check, "their size cannot be read on this system")
	}
	return judgeBuffers(in, out)
}

func judgeBuffers(in, out int) Finding {
	f := finding("UDP buffers", "%s to receive, %s to send", formatBytes(uint64(in)), formatBytes(uint64(out)))
	if in < wantedBuffer || out < wantedBuffer {
		return f.withAdvice(Warn, "with many people, packets are lost when the machine is busy: run sysctl -w net.core.rmem_max=8388608 net.core.wmem_max=8388608")
	}
	return f
}

// segmentOffload opens a media socket as the server does.
func checkSegmentOffload() Finding {
	const check = "UDP segmentation"
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return finding(check, "no UDP socket can be opened: %v", err).withAdvice(Fail, "look at this machine's network")
	}
	media, err := wire.New(udp, wire.Options{})
	if err != nil {
		_ = udp.Close() // it is not wanted any more
		return finding(check, "a media socket cannot be opened: %v", err).withAdvice(Fail, "look at this machine's network")
	}
	defer func() { _ = media.Close() }() // nothing is queued
	if !media.Stats().Offload {
		return finding(check, "this kernel sends packet by packet").withAdvice(Warn, "media costs two to three times the CPU: use Linux 4.18 or later where many meet")
	}
	return finding(check, "the kernel sends packets in runs (GSO)")
}

package doctor

import (
	"net"
	"runtime/debug"
	"time"

	"meet/internal/wire"
)

// checkClock checks whether the clock is right. If it is wrong, the server refuses access tokens from other machines.
func checkClock() Finding {
	now := time.Now()
	built := buildTime()
	synchronized, known := clockSynchronized()
	return assessClock(now, built, synchronized, known)
}

// assessClock returns the finding about a clock. now is the time that the clock shows. built is the build time of the
// program, zero if it is unknown. synchronized means that an NTP service synchronizes the clock. If known is false,
// synchronized has no meaning.
func assessClock(now, built time.Time, synchronized, known bool) Finding {
	const check = "clock"
	f := finding(check, "it is %s", now.UTC().Format(time.RFC3339))
	switch {
	case now.Before(built):
		f.Text += ", which is before this program was built"
		return f.withAdvice(Fail, "set the clock: access tokens would not be valid")
	case known && !synchronized:
		f.Text += ", and no service synchronizes the clock"
		return f.withAdvice(Warn, "run an NTP service, such as systemd-timesyncd or chrony: access tokens are refused if the clock is wrong by more than a minute")
	case known:
		f.Text += ", synchronized by NTP"
	}
	return f
}

// buildTime returns the date of the commit that the program was built from, or zero if it is unknown.
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

// minOpenFiles is a limit on open files that is enough for a thousand participants. Each participant has a socket for
// pages, a socket for signalling, and sometimes a socket for media.
const minOpenFiles = 4096

// checkOpenFiles checks the limit on open files.
func checkOpenFiles() Finding {
	const check = "open files"
	limit, known := fileLimit()
	if !known {
		return finding(check, "this system has no known limit")
	}
	f := finding(check, "at most %d", limit)
	if limit < minOpenFiles {
		return f.withAdvice(Warn, "each participant needs about three: raise it with ulimit -n 65536, or LimitNOFILE=65536 in the systemd unit")
	}
	return f
}

// wantedBuffer is the size of the UDP socket buffers that the server requests from the kernel, in bytes.
const wantedBuffer = 8 << 20

// checkSocketBuffers requests the server's socket buffer sizes and checks which sizes the kernel grants.
func checkSocketBuffers() Finding {
	const check = "UDP buffers"
	conn, err := net.ListenUDP("udp", nil)
	if err != nil {
		return finding(check, "no UDP socket can be opened: %v", err).withAdvice(Fail, "check this machine's network configuration")
	}
	defer func() { _ = conn.Close() }()   // nothing was sent
	_ = conn.SetReadBuffer(wantedBuffer)  // bufferSizes returns the granted size
	_ = conn.SetWriteBuffer(wantedBuffer) // bufferSizes returns the granted size
	in, out, known := bufferSizes(conn)
	if !known {
		return finding(check, "their size cannot be read on this system")
	}
	return assessBuffers(in, out)
}

// assessBuffers returns the finding about the sizes of the receive and send buffers that the kernel granted, in bytes.
func assessBuffers(receive, send int) Finding {
	f := finding("UDP buffers", "%s to receive, %s to send", formatBytes(uint64(receive)), formatBytes(uint64(send)))
	if receive < wantedBuffer || send < wantedBuffer {
		return f.withAdvice(Warn, "with many participants, packets are lost when the machine is busy: run sysctl -w net.core.rmem_max=8388608 net.core.wmem_max=8388608")
	}
	return f
}

// checkSegmentOffload opens a media socket like the server's and checks whether the kernel supports UDP segmentation
// offload.
func checkSegmentOffload() Finding {
	const check = "UDP segmentation"
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return finding(check, "no UDP socket can be opened: %v", err).withAdvice(Fail, "check this machine's network configuration")
	}
	media, err := wire.New(udp, wire.Options{})
	if err != nil {
		_ = udp.Close() // nothing was sent
		return finding(check, "a media socket cannot be opened: %v", err).withAdvice(Fail, "check this machine's network configuration")
	}
	defer func() { _ = media.Close() }() // nothing is queued
	if !media.Stats().Offload {
		return finding(check, "this kernel does not support UDP segmentation offload (GSO)").withAdvice(Warn, "media needs two to three times as much CPU: use Linux 4.18 or later for large meetings")
	}
	return finding(check, "the kernel supports UDP segmentation offload (GSO)")
}

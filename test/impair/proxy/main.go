// Command proxy runs a [meet/test/impair] proxy for tests that are not written in Go. It takes one argument, the target's
// address, prints its own as a line of JSON, and reads one line of JSON for each change:
//
//	{"up":{"loss":0.02},"down":{"rate":300000,"delay_ms":100}}   the link from now on; what is left out is perfect
//	{"cut":true}                                                 no link at all; false restores it
//	{"stats":true}                                               print what was counted
//
// It answers every line with one, and ends with its input.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"meet/test/impair"
)

// path is impair.Profile with times as numbers, which is what JSON has.
type path struct {
	Loss     float64 `json:"loss"`
	Reorder  float64 `json:"reorder"`
	DelayMs  float64 `json:"delay_ms"`
	JitterMs float64 `json:"jitter_ms"`
	Rate     int     `json:"rate"`
	QueueMs  float64 `json:"queue_ms"`
}

type request struct {
	Up    path  `json:"up"`
	Down  path  `json:"down"`
	Cut   *bool `json:"cut"`
	Stats bool  `json:"stats"`
}

type answer struct {
	Address string        `json:"address,omitempty"`
	Up      *impair.Stats `json:"up,omitempty"`
	Down    *impair.Stats `json:"down,omitempty"`
	Error   string        `json:"error,omitempty"`
}

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "proxy:", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) != 1 {
		return errors.New("give the target's address, such as 127.0.0.1:8080")
	}
	target, err := netip.ParseAddrPort(args[0])
	if err != nil {
		return fmt.Errorf("read the target's address: %w", err)
	}
	p, err := impair.Listen(target)
	if err != nil {
		return err
	}
	out := json.NewEncoder(stdout)
	if err := out.Encode(answer{Address: p.Addr().String()}); err != nil {
		return errors.Join(err, p.Close())
	}
	lines := bufio.NewScanner(stdin)
	for lines.Scan() {
		if err := out.Encode(obey(p, lines.Bytes())); err != nil {
			return errors.Join(err, p.Close())
		}
	}
	return errors.Join(lines.Err(), p.Close())
}

func obey(p *impair.Proxy, line []byte) answer {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return answer{Error: err.Error()}
	}
	switch {
	case r.Stats:
		up, down := p.Stats()
		return answer{Up: &up, Down: &down}
	case r.Cut != nil:
		p.Cut(*r.Cut)
	default:
		p.SetLink(impair.Link{Up: r.Up.path(), Down: r.Down.path()})
	}
	return answer{}
}

func (p path) path() impair.Profile {
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	return impair.Profile{Loss: p.Loss, Reorder: p.Reorder, Delay: ms(p.DelayMs), Jitter: ms(p.JitterMs), Rate: p.Rate, Queue: ms(p.QueueMs)}
}

// Command proxy runs a [meet/test/impair] proxy for tests that are not written in Go. Its one argument is the target's
// address. It prints its own address as a line of JSON and then reads requests, one line of JSON each:
//
//	{"up":{"loss":0.02},"down":{"rate":300000,"delay_ms":100}}   set the link; fields left out mean no impairment
//	{"cut":true}                                                 cut the link; false restores it
//	{"stats":true}                                               print the counts since the start
//
// It answers every line with one line and exits at the end of its input.
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

// profile is impair.Profile in JSON, with durations in milliseconds.
type profile struct {
	Loss     float64 `json:"loss"`
	Reorder  float64 `json:"reorder"`
	DelayMs  float64 `json:"delay_ms"`
	JitterMs float64 `json:"jitter_ms"`
	Rate     int     `json:"rate"`
	QueueMs  float64 `json:"queue_ms"`
}

// request is one line of input. It sets the link only if Cut is nil and Stats is false.
type request struct {
	Up    profile `json:"up"`
	Down  profile `json:"down"`
	Cut   *bool   `json:"cut"`
	Stats bool    `json:"stats"`
}

// answer is one line of output. Up and Down are set only for a stats request.
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

// run runs the command until stdin ends.
func run(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) != 1 {
		return errors.New("one argument is required: the target's address, such as 127.0.0.1:8080")
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
		if err := out.Encode(handle(p, lines.Bytes())); err != nil {
			return errors.Join(err, p.Close())
		}
	}
	return errors.Join(lines.Err(), p.Close())
}

// handle executes one request.
func handle(p *impair.Proxy, line []byte) answer {
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
		p.SetLink(impair.Link{Up: r.Up.profile(), Down: r.Down.profile()})
	}
	return answer{}
}

// profile returns p as an impair.Profile.
func (p profile) profile() impair.Profile {
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	return impair.Profile{Loss: p.Loss, Reorder: p.Reorder, Delay: ms(p.DelayMs), Jitter: ms(p.JitterMs), Rate: p.Rate, Queue: ms(p.QueueMs)}
}

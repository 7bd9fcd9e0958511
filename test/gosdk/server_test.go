package gosdk

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// server is the server that the tests use.
var server struct{ url, key, secret string }

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run starts the server if the environment names none, and runs the tests.
func run(m *testing.M) int {
	server.url, server.key, server.secret = os.Getenv("LIVEKIT_TEST_URL"), os.Getenv("LIVEKIT_TEST_KEY"), os.Getenv("LIVEKIT_TEST_SECRET")
	if server.url != "" {
		return m.Run()
	}
	folder, err := os.MkdirTemp("", "meet-gosdk-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	stop, err := start(folder)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start meet:", err)
		return 1
	}
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop meet:", err)
		return 1
	}
	return code
}

// start builds and starts the binary. stop interrupts it and waits until it has ended.
func start(folder string) (stop func() error, err error) {
	binary := filepath.Join(folder, "meet")
	build := exec.Command("go", "build", "-o", binary, "./cmd/meet")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	var output bytes.Buffer
	cmd := exec.Command(binary, "--listen", address, "--data-dir", filepath.Join(folder, "data"), "--dev")
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &output, &output
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return err
		}
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("%w\n%s", err, output.Bytes())
		}
		return nil
	}
	if err := awaitServer("http://" + address + "/"); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, fmt.Errorf("%w\n%s", err, output.Bytes())
	}
	server.url, server.key, server.secret = "ws://"+address, "devkey", "secret"
	return stop, nil
}

// freeAddress returns a loopback address whose port is free for both TCP and UDP.
func freeAddress() (string, error) {
	for range 20 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		address := tcp.Addr().String()
		udp, err := net.ListenPacket("udp", address)
		_ = tcp.Close()
		if err != nil {
			continue
		}
		return address, udp.Close()
	}
	return "", fmt.Errorf("no port is free for both TCP and UDP")
}

func awaitServer(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		resp, err := http.Get(url)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("status %d", resp.StatusCode)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		case <-tick.C:
		}
	}
}

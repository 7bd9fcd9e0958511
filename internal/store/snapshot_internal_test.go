package store

import (
	"bufio"
	"bytes"
	"testing"
)

func FuzzSnapshotHeader(f *testing.F) {
	f.Add([]byte("{\"config\":{\"name\":\"KV_records\"}}\nrest"))
	f.Add([]byte("{}\n"))
	f.Add([]byte("no line end"))
	f.Fuzz(func(t *testing.T, text []byte) {
		header, err := readSnapshotHeader(bufio.NewReader(bytes.NewReader(text)))
		if err == nil && header.Config.Name == "" {
			t.Error("a header without a stream is accepted")
		}
	})
}

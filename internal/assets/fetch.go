package assets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	// parallelFetches is the number of files fetched at the same time. They hide the latency of a distant server and
	// do not overload it.
	parallelFetches = 4
	// maxAttempts bounds the number of requests for a file to one location, including the first one.
	maxAttempts = 4
	// stallTimeout is the time after which a transfer is aborted if the server has sent no bytes.
	stallTimeout = 30 * time.Second
	// retryDelay is the time before the second attempt. It doubles with each further attempt.
	retryDelay = 500 * time.Millisecond
)

// Progress is the state of the transfers of an update.
type Progress struct {
	Files, TotalFiles int           // fetched, and to be fetched in total
	Bytes, TotalBytes int64         // fetched, and to be fetched in total
	Elapsed           time.Duration // since the first transfer began
}

// fetcher downloads the files of one release.
type fetcher struct {
	client                   *http.Client
	locations                []Location
	partialDir, completeDir  string // folders of incomplete and of complete files
	stallTimeout, retryDelay time.Duration
	progress                 func(Progress)
	onStep                   func(string)
}

// fetchAll downloads the files, several at a time, and stops at the first one that fails. The bytes downloaded until
// then stay on disk for the next update.
func (f *fetcher) fetchAll(ctx context.Context, files []File) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type event struct {
		bytes int64
		done  bool
		err   error
	}
	began := time.Now()
	jobs, events := make(chan File), make(chan event) // unbuffered: senders wait
	var wg sync.WaitGroup
	wg.Go(func() { // ends when all files are queued or ctx ends
		defer close(jobs)
		for _, file := range files {
			select {
			case jobs <- file:
			case <-ctx.Done():
				return
			}
		}
	})
	for range parallelFetches {
		wg.Go(func() { // ends when jobs is closed
			for file := range jobs {
				err := f.fetchFile(ctx, file, func(n int64) { events <- event{bytes: n} })
				events <- event{done: true, err: err}
			}
		})
	}
	var closing sync.WaitGroup
	closing.Go(func() { wg.Wait(); close(events) }) // ends when all workers have; then the loop below ends too
	defer closing.Wait()

	p := Progress{TotalFiles: len(files)}
	for _, file := range files {
		p.TotalBytes += file.Size
	}
	var first error
	for e := range events {
		p.Bytes += e.bytes
		switch {
		case e.err != nil && first == nil:
			first = e.err
			cancel()
		case e.done && e.err == nil:
			p.Files++
		}
		p.Elapsed = time.Since(began)
		if first == nil && f.progress != nil {
			f.progress(p)
		}
	}
	if first == nil {
		first = context.Cause(ctx) // the caller cancelled before all files were queued
	}
	return first
}

// fetchFile downloads one file from the first location that has it. It resumes a partial file of an earlier attempt.
// It calls count with the number of bytes to add to the progress. This number is negative when bytes are discarded.
func (f *fetcher) fetchFile(ctx context.Context, file File, count func(int64)) error {
	part := filepath.Join(f.partialDir, strings.ReplaceAll(file.Path, "/", "%")) // % is not allowed in the paths of a manifest
	var last error
	for _, location := range f.locations {
		wait := f.retryDelay
		for range maxAttempts {
			err := f.fetchFrom(ctx, location, file, part, count)
			if err == nil {
				return f.finish(file, part)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			last = err
			if _, ok := errors.AsType[permanentError](err); ok {
				break
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return ctx.Err()
			}
			wait *= 2
		}
	}
	if last == nil {
		last = unavailable("there is no server to fetch the file %q from", file.Path)
	}
	if end, ok := errors.AsType[permanentError](last); ok {
		return end.error
	}
	return last
}

// permanentError wraps an error after which the same location must not be tried again.
type permanentError struct{ error }

// Unwrap returns the wrapped error.
func (e permanentError) Unwrap() error { return e.error }

// fetchFrom downloads the missing bytes of a file from one location, and checks the size and sum of the result. part is
// the path of the partial file on disk.
func (f *fetcher) fetchFrom(ctx context.Context, location Location, file File, part string, count func(int64)) error {
	dst, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return permanentError{fmt.Errorf("write build: %w", err)}
	}
	defer func() { _ = dst.Close() }() // errors are reported by Sync and Close below
	fetched, err := dst.Seek(0, io.SeekEnd)
	if err != nil {
		return permanentError{fmt.Errorf("write build: %w", err)}
	}
	resumed := fetched > 0
	if fetched > file.Size { // left over from another build with a file of this name
		if err := dst.Truncate(0); err != nil {
			return permanentError{fmt.Errorf("write build: %w", err)}
		}
		fetched = 0
	}
	count(fetched) // bytes of an earlier attempt count as fetched
	if fetched < file.Size {
		if err := f.download(ctx, location, file, dst, &fetched, count); err != nil {
			count(-fetched)
			return err
		}
	}
	f.onStep("file fetched")
	content := make([]byte, fetched)
	if _, err := dst.ReadAt(content, 0); err != nil && !errors.Is(err, io.EOF) {
		return permanentError{fmt.Errorf("read build: %w", err)}
	}
	if err := file.check(content); err != nil {
		count(-fetched)
		if err := dst.Truncate(0); err != nil {
			return permanentError{fmt.Errorf("write build: %w", err)}
		}
		if resumed {
			return err // the bytes of the earlier attempt may be wrong: retry from the start
		}
		return permanentError{err}
	}
	if err := errors.Join(dst.Sync(), dst.Close()); err != nil {
		return permanentError{fmt.Errorf("write build: %w", err)}
	}
	return nil
}

// download requests the missing bytes of a file and appends them to dst. *fetched is the number of bytes in dst that have
// been passed to count, both before and after the call.
func (f *fetcher) download(ctx context.Context, location Location, file File, dst *os.File, fetched *int64, count func(int64)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := location.newRequest(ctx, file.Path)
	if err != nil {
		return permanentError{err}
	}
	if *fetched > 0 && *fetched < file.Size {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", *fetched))
	}
	stallTimer := time.AfterFunc(f.stallTimeout, cancel)
	defer stallTimer.Stop()
	resp, err := f.client.Do(req)
	if err != nil {
		return f.transferError(stallTimer, req, file, *fetched, err)
	}
	defer func() { _ = resp.Body.Close() }() // nothing was written
	switch {
	case resp.StatusCode == http.StatusPartialContent && strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", *fetched)):
	case resp.StatusCode == http.StatusOK:
		if *fetched > 0 { // the server does not support range requests
			if err := f.discard(dst, fetched, count); err != nil {
				return err
			}
		}
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable, resp.StatusCode == http.StatusPartialContent:
		return errors.Join(unavailable("%s cannot resume the transfer of the file %q; try again", req.URL.Host, file.Path), f.discard(dst, fetched, count))
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusTooManyRequests:
		return unavailable("%s answers %q when asked for %q; try again later", req.URL.Host, resp.Status, file.Path)
	default:
		return permanentError{unavailable("%s answers %q when asked for %q; the build may be published only in part, try again in some minutes", req.URL.Host, resp.Status, file.Path)}
	}
	if _, err := dst.Seek(*fetched, io.SeekStart); err != nil {
		return permanentError{fmt.Errorf("write build: %w", err)}
	}
	said := *fetched + resp.ContentLength
	n, err := io.Copy(&progressWriter{dst, f, stallTimer, count}, io.LimitReader(resp.Body, file.Size-*fetched+1))
	*fetched += n
	if _, local := errors.AsType[permanentError](err); local {
		return err
	}
	if err != nil {
		return f.transferError(stallTimer, req, file, *fetched, err)
	}
	if *fetched == file.Size {
		return nil
	}
	rest := io.TeeReader(resp.Body, &progressWriter{io.Discard, f, stallTimer, func(int64) {}})
	if lineEndingsConverted(io.MultiReader(io.NewSectionReader(dst, 0, *fetched), rest), file) {
		return permanentError{errors.Join(convertedError(file.Path), dst.Truncate(0))}
	}
	switch {
	case resp.ContentLength >= 0:
		return permanentError{errors.Join(invalid("the file %q has %d bytes on %s and the manifest says %d; if it was published a moment ago, try again in some minutes", file.Path, said, req.URL.Host, file.Size), dst.Truncate(0))}
	case *fetched > file.Size:
		return permanentError{errors.Join(invalid("the file %q is larger than the %d bytes that the manifest says", file.Path, file.Size), dst.Truncate(0))}
	}
	return f.transferError(stallTimer, req, file, *fetched, io.ErrUnexpectedEOF)
}

// discard removes all bytes of a partial file, and subtracts them from the progress.
func (f *fetcher) discard(dst *os.File, fetched *int64, count func(int64)) error {
	count(-*fetched)
	*fetched = 0
	if err := dst.Truncate(0); err != nil {
		return permanentError{fmt.Errorf("write build: %w", err)}
	}
	return nil
}

// transferError returns the error for a transfer that ended early, with advice. fetched is the number of the file's bytes
// on disk.
func (f *fetcher) transferError(stallTimer *time.Timer, req *http.Request, file File, fetched int64, err error) error {
	switch {
	case !stallTimer.Stop() && errors.Is(err, context.Canceled):
		return unavailable("%s sent nothing of the file %q for %d seconds; try again later: the transfer will be resumed", req.URL.Host, file.Path, int(f.stallTimeout.Seconds()))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return unavailable("%s ended the file %q after %d of %d bytes; try again: the transfer will be resumed", req.URL.Host, file.Path, fetched, file.Size)
	}
	return requestError(req.URL.Host, err)
}

// progressWriter writes to dst, counts the bytes, and restarts the stall timer with each write.
type progressWriter struct {
	dst        io.Writer
	f          *fetcher
	stallTimer *time.Timer
	count      func(int64)
}

// Write implements io.Writer. A write error of dst is returned as a permanentError.
func (c *progressWriter) Write(p []byte) (int, error) {
	c.stallTimer.Reset(c.f.stallTimeout)
	n, err := c.dst.Write(p)
	if err != nil {
		return n, permanentError{fmt.Errorf("write build: %w", err)}
	}
	c.count(int64(n))
	c.f.onStep("bytes written")
	return n, nil
}

// finish moves a checked file from the partial to the complete folder.
func (f *fetcher) finish(file File, part string) error {
	target := filepath.Join(f.completeDir, filepath.FromSlash(file.Path))
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return fmt.Errorf("write build: %w", err)
	}
	if err := os.Rename(part, target); err != nil {
		return fmt.Errorf("write build: %w", err)
	}
	f.onStep("file kept")
	return nil
}

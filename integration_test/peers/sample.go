package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"net/http"
	"runtime"
	"time"
)

// sample is what one of n equal pieces of work has cost.
type sample struct{ nanoseconds, allocs, bytes float64 }

// measure does work n times.
func measure(n int, work func()) sample {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	took := elapsed(n, work)
	runtime.ReadMemStats(&after)
	return sample{
		nanoseconds: float64(took) / float64(n),
		allocs:      float64(after.Mallocs-before.Mallocs) / float64(n),
		bytes:       float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}
}

// elapsed does work n times and returns how long it took.
func elapsed(n int, work func()) time.Duration {
	started := time.Now()
	for range n {
		work()
	}
	return time.Since(started)
}

// column returns one figure of all samples.
func column(samples []sample, figure func(sample) float64) []float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = figure(s)
	}
	return values
}

func nanoseconds(s sample) float64 { return s.nanoseconds }
func allocsOf(s sample) float64    { return s.allocs }
func bytesOf(s sample) float64     { return s.bytes }

// rsaVerification returns the unit of the comparison: one bare verification of
// an RSA-2048 signature.
func rsaVerification() (func(), error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte("signed"))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		return nil, err
	}
	return func() {
		if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature); err != nil {
			panic(err)
		}
	}, nil
}

// writer is a ResponseWriter that is used again and again, as a server's is,
// and counts what passes. The space behind it keeps two writers of two cores
// out of each other's cache lines.
type writer struct {
	header           http.Header
	written, refused int
	_                [128]byte
}

func newWriter() *writer { return &writer{header: http.Header{}} }

func (w *writer) Header() http.Header                  { return w.header }
func (w *writer) Write(p []byte) (int, error)          { w.written += len(p); return len(p), nil }
func (w *writer) WriteString(text string) (int, error) { w.written += len(text); return len(text), nil }
func (w *writer) WriteHeader(int)                      { w.refused++ }

// serve hands r to the handler as the first request of an answer.
func (w *writer) serve(h http.Handler, r *http.Request) {
	delete(w.header, "Vary")
	h.ServeHTTP(w, r)
}

// passed makes sure that n requests have got the page, and forgets them.
func (w *writer) passed(n int, userID string) error {
	written, refused := w.written, w.refused
	w.written, w.refused = 0, 0
	return check(refused == 0 && written == n*len(userID), "of %d requests %d were refused; %d bytes were written", n, refused, written)
}

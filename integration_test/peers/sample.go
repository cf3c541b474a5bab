package main

import (
	"crypto"
	cryptorand "crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"time"
)

// sample is the cost of one of n equal calls.
type sample struct {
	nanoseconds, allocs, bytes float64
	batches                    []float64 // ns per call, by batch
}

// measure calls work n times. Before that it does the same without measuring: the
// first memory after a garbage collection may have to come from the operating
// system, which a running server pays once.
//
// The time is CPU time of the process: other programs on the same cores do not
// count. One reading of it takes longer than most calls, so it is read twice only,
// and the calls get the share that they have of the wall-clock time.
func measure(n int, prepare, work func()) sample {
	var before, after runtime.MemStats
	batches := make([]float64, 0, n/batchSize+1)
	record := func(nanoseconds float64) { batches = append(batches, nanoseconds) }
	runtime.GC()
	elapsed(n, prepare, work, nil)
	runtime.ReadMemStats(&before)
	started, cpuBefore := time.Now(), cpuTime()
	took := elapsed(n, prepare, work, record)
	cpu, wall := cpuTime()-cpuBefore, time.Since(started)
	runtime.ReadMemStats(&after)
	return sample{
		nanoseconds: float64(took) * cpu.Seconds() / wall.Seconds() / float64(n),
		allocs:      float64(after.Mallocs-before.Mallocs) / float64(n),
		bytes:       float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
		batches:     batches,
	}
}

// elapsed calls work n times, in batches, and returns the time that it took. It
// calls prepare before each batch; that time does not count. record, if it is not
// nil, gets the time per call of each batch.
func elapsed(n int, prepare, work func(), record func(nanoseconds float64)) (took time.Duration) {
	for done := 0; done < n; done += batchSize {
		prepare()
		calls := min(batchSize, n-done)
		started := time.Now()
		for range calls {
			work()
		}
		batch := time.Since(started)
		took += batch
		if record != nil {
			record(float64(batch) / float64(calls))
		}
	}
	return took
}

// undisturbed returns the time of a call in the fastest batches of all rounds: that
// of a core which no other program uses, without the garbage collector, because few
// batches contain a part of its work.
func undisturbed(samples []sample) float64 {
	var batches []float64
	for _, s := range samples {
		batches = append(batches, s.batches...)
	}
	return fastest(batches)
}

// fastest returns the 2nd percentile of times.
func fastest(times []float64) float64 {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/50]
}

// shuffled returns the numbers below n in a new random order, so that no contender
// always follows the same other one.
func shuffled(n int) []int { return order.Perm(n) }

// order has the same seed in every run.
var order = rand.New(rand.NewPCG(1, 2))

// nothing is the prepare function of work without preparation.
func nothing() {}

// column returns one figure of each sample.
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

// rsaVerification returns a function that verifies an RSA-2048 signature.
func rsaVerification() (func(), error) {
	key, err := rsa.GenerateKey(cryptorand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte("signed"))
	signature, err := rsa.SignPKCS1v15(cryptorand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		return nil, err
	}
	return func() {
		if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature); err != nil {
			panic(err)
		}
	}, nil
}

// batchSize is the number of responses that a writer takes before its reset. The
// headers of a batch stay in the first cache of the processor.
const batchSize = 32

// writer is a ResponseWriter that is used again and again, and counts the
// responses. The padding keeps the writers of two cores in different cache lines.
type writer struct {
	headers                   [batchSize]http.Header // none is empty
	responses                 int                    // since the last reset
	served, written, rejected int                    // since the last call of verify
	lastRequest               *http.Request
	_                         [128]byte
}

func newWriter() *writer {
	w := &writer{}
	for i := range w.headers {
		w.headers[i] = http.Header{"Content-Type": plainText}
	}
	return w
}

func (w *writer) Header() http.Header                  { return w.headers[w.responses-1] }
func (w *writer) Write(p []byte) (int, error)          { w.written += len(p); return len(p), nil }
func (w *writer) WriteString(text string) (int, error) { w.written += len(text); return len(text), nil }
func (w *writer) WriteHeader(int)                      { w.rejected++ }

// reset removes the headers of the last responses. A server begins each response
// with a new header, so this is not part of the cost.
func (w *writer) reset() {
	for _, header := range w.headers[:w.responses] {
		for name := range header {
			if name != "Content-Type" {
				delete(header, name)
			}
		}
	}
	w.responses = 0
}

// serve calls the handler with a new response.
func (w *writer) serve(h http.Handler, r *http.Request) {
	if w.responses == batchSize {
		w.reset()
	}
	w.responses++
	w.served++
	h.ServeHTTP(w, r)
}

// verify checks that all requests since the last call got the page.
func (w *writer) verify(userID string) error {
	served, written, rejected := w.served, w.written, w.rejected
	w.served, w.written, w.rejected = 0, 0, 0
	return check(served > 0 && rejected == 0 && written == served*len(userID), "%d of %d requests were rejected; %d bytes were written", rejected, served, written)
}

package main

import (
	"crypto"
	cryptorand "crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"math/rand/v2"
	"net/http"
	"runtime"
	"time"
)

// sample is what one of n equal pieces of work has cost.
type sample struct{ nanoseconds, allocs, bytes float64 }

// measure does work n times, and prepares it off the clock. It does as much
// before it measures: the memory that is used first after a collection may have
// to be fetched from the system again, which a process in service pays once.
func measure(n int, prepare, work func()) sample {
	var before, after runtime.MemStats
	runtime.GC()
	elapsed(n, prepare, work)
	runtime.ReadMemStats(&before)
	took := elapsed(n, prepare, work)
	runtime.ReadMemStats(&after)
	return sample{
		nanoseconds: float64(took) / float64(n),
		allocs:      float64(after.Mallocs-before.Mallocs) / float64(n),
		bytes:       float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}
}

// elapsed does work n times and returns how long it took. Before every answers
// of them it prepares, off the clock.
func elapsed(n int, prepare, work func()) (took time.Duration) {
	for done := 0; done < n; done += answers {
		prepare()
		started := time.Now()
		for range min(answers, n-done) {
			work()
		}
		took += time.Since(started)
	}
	return took
}

// shuffled returns the numbers below n in an order that changes with every
// call: what one contender leaves behind, in caches or on the machine, is then
// not always the same one's to find.
func shuffled(n int) []int { return order.Perm(n) }

// order is the same in every run.
var order = rand.New(rand.NewPCG(1, 2))

// nothing is the preparation of what needs none.
func nothing() {}

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

// answers is how many answers a writer takes before it has to be renewed: few
// enough for their headers to stay in the fastest cache.
const answers = 32

// writer is a ResponseWriter that is used again and again, as a server's is,
// and counts what passes. The space behind it keeps two writers of two cores
// out of each other's cache lines.
type writer struct {
	headers                  [answers]http.Header // none is empty
	begun                    int                  // of answers
	served, written, refused int
	kept                     *http.Request // by the last handler
	_                        [128]byte
}

func newWriter() *writer {
	w := &writer{}
	for i := range w.headers {
		w.headers[i] = http.Header{"Content-Type": plainText}
	}
	return w
}

func (w *writer) Header() http.Header                  { return w.headers[w.begun-1] }
func (w *writer) Write(p []byte) (int, error)          { w.written += len(p); return len(p), nil }
func (w *writer) WriteString(text string) (int, error) { w.written += len(text); return len(text), nil }
func (w *writer) WriteHeader(int)                      { w.refused++ }

// renew takes out of the headers what the answers before have left in them. A
// server begins each answer with a new header, so this belongs to none.
func (w *writer) renew() {
	for _, header := range w.headers[:w.begun] {
		delete(header, "Vary")
	}
	w.begun = 0
}

// serve hands r to the handler as the first request of an answer.
func (w *writer) serve(h http.Handler, r *http.Request) {
	if w.begun == answers {
		w.renew()
	}
	w.begun++
	w.served++
	h.ServeHTTP(w, r)
}

// passed makes sure that all requests have got the page, and forgets them.
func (w *writer) passed(userID string) error {
	served, written, refused := w.served, w.written, w.refused
	w.served, w.written, w.refused = 0, 0, 0
	return check(served > 0 && refused == 0 && written == served*len(userID), "of %d requests %d were refused; %d bytes were written", served, refused, written)
}

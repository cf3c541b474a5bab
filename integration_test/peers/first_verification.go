package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/crossmint-go/auth/crossmint"
)

// chunk is the number of verifications of one kind in a row. It is small, so that
// a disturbance of the machine affects both kinds.
const chunk = 20

// firstVerification compares the first verification of a JWT with one RSA
// verification.
func firstVerification(ctx context.Context, p plan, up *upstream, r *report) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // as in measureRounds
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k, err := newKit(ctx, up.settings)
	if err != nil {
		return err
	}
	unit, err := rsaVerification()
	if err != nil {
		return err
	}
	var units, firsts []sample
	for range p.rounds {
		u, f, err := firstVerificationRound(ctx, p, up, k.client, unit)
		if err != nil {
			return err
		}
		units, firsts = append(units, u), append(firsts, f)
	}
	reportFirstVerification(units, firsts, r)
	return ctx.Err()
}

// firstVerificationRound measures both in turns, after as many calls that do not
// count, and then the allocations of some more calls.
func firstVerificationRound(ctx context.Context, p plan, up *upstream, client *crossmint.Client, unit func()) (u, f sample, err error) {
	tokens := make([]string, 2*(p.tokens+chunk))
	for i := range tokens {
		tokens[i] = up.JWT(up.user)
	}
	verify := func() {
		if _, verifyErr := client.Verify(ctx, tokens[0], time.Now()); verifyErr != nil {
			err = verifyErr
		}
		tokens = tokens[1:]
	}
	runtime.GC()
	elapsed(p.tokens, nothing, unit, nil)
	elapsed(p.tokens, nothing, verify, nil)
	var unitTook, firstTook time.Duration
	for range p.tokens / chunk {
		unitTook += cpuTimeOfChunk(unit)
		firstTook += cpuTimeOfChunk(verify)
	}
	u, f = measure(chunk, nothing, unit), measure(chunk, nothing, verify)
	u.nanoseconds = float64(unitTook) / float64(p.tokens)
	f.nanoseconds = float64(firstTook) / float64(p.tokens)
	return u, f, err
}

// cpuTimeOfChunk returns the CPU time of a chunk of calls: other programs on the
// same cores do not count.
func cpuTimeOfChunk(work func()) time.Duration {
	before := cpuTime()
	for range chunk {
		work()
	}
	return cpuTime() - before
}

func reportFirstVerification(units, firsts []sample, r *report) {
	unit, first := column(units, nanoseconds), column(firsts, nanoseconds)
	count := median(column(firsts, allocsOf))
	r.table("The first verification of a JWT (RS256) by Client.Verify", [][]string{
		{"", "ns", "allocs", "bytes", "of one RSA verification"},
		{rsaName, fmt.Sprintf("%.0f", median(unit)), fmt.Sprintf("%.0f", median(column(units, allocsOf))), fmt.Sprintf("%.0f", median(column(units, bytesOf))), ""},
		{"first verification", fmt.Sprintf("%.0f", median(first)), fmt.Sprintf("%.0f", count), fmt.Sprintf("%.0f", median(column(firsts, bytesOf))), ratio(medianRatio(first, unit))},
	})
	r.atMost("first verification of a JWT (RS256), in RSA-2048 verifications", medianRatio(first, unit), 1.2)
	r.atMost("allocations of the first verification of a JWT", math.Floor(count), 40)
}

// Package fleetfigures measures adapters of session/fleet, for the figures of each.
package fleetfigures

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/crossmint-go/auth/session"
)

// UpstreamTime is long enough for the second instance to follow.
const UpstreamTime = 10 * time.Millisecond

// Added prints the times of [Measure].
func Added(first, second session.Coordinator, refreshes int) error {
	leader, follower, err := Measure(first, second, refreshes, 1)
	if err != nil {
		return err
	}
	fmt.Printf("  %d refreshes shared by two instances, added to upstream's %v:\n", refreshes, UpstreamTime)
	fmt.Printf("    leader: p50 %v, p99 %v\n", Quantile(leader, 50), Quantile(leader, 99))
	fmt.Printf("    follower: p50 %v, p99 %v (after upstream's response)\n", Quantile(follower, 50), Quantile(follower, 99))
	return nil
}

// Measure makes two instances, which share a store, refresh the same tokens, some of
// them at once, and closes the instances. It returns the times of the leader without
// upstream's own, and the times of the follower after upstream's response, both without
// the warm-up.
func Measure(first, second session.Coordinator, refreshes, atOnce int) (leader, follower []time.Duration, err error) {
	var all sync.WaitGroup
	var mu sync.Mutex // guards the results
	for worker := range atOnce {
		all.Go(func() {
			for n := worker; n < refreshes; n += atOnce {
				led, followed, refreshErr := share(first, second, n)
				mu.Lock()
				leader, follower, err = append(leader, led), append(follower, followed), errors.Join(err, refreshErr)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	err = errors.Join(err, first.Close(context.Background()), second.Close(context.Background()))
	return leader[refreshes/10:], follower[refreshes/10:], err
}

// share makes both instances refresh one token.
func share(first, second session.Coordinator, n int) (leader, follower time.Duration, err error) {
	u, followed := &upstream{asked: make(chan struct{})}, make(chan error, 1)
	token := session.NewSecret(fmt.Sprintf("a refresh token of some length, number %d", n))
	started := time.Now()
	go func() {
		<-u.asked
		_, err := second.Do(context.Background(), token, u.calls())
		follower = time.Since(u.responded)
		followed <- err
	}()
	_, err = first.Do(context.Background(), token, u.calls())
	leader = time.Since(started) - u.took
	return leader, follower, errors.Join(err, <-followed)
}

// upstream is a slow upstream that records the time of its response.
type upstream struct {
	asked     chan struct{}
	took      time.Duration
	responded time.Time
}

func (u *upstream) calls() session.UpstreamCalls {
	return session.UpstreamCalls{
		Exchange: u.exchange,
		Verify:   func(context.Context, *session.Grant) error { return nil },
		Revoke:   func(context.Context, *session.Grant) {},
	}
}

func (u *upstream) exchange(_ context.Context, token session.Secret) (*session.Grant, error) {
	started := time.Now()
	close(u.asked)
	time.Sleep(UpstreamTime)
	u.responded = time.Now()
	u.took = u.responded.Sub(started)
	return &session.Grant{
		JWT:          session.NewSecret(string(make([]byte, 1000))),
		RefreshToken: session.RefreshToken{Secret: session.NewSecret(token.Reveal() + "'")},
		User:         session.User{ID: "a user"}, ReceivedAt: u.responded,
	}, nil
}

// Quantile sorts the times and returns the given percentile.
func Quantile(times []time.Duration, percent int) time.Duration {
	slices.Sort(times)
	return times[len(times)*percent/100].Round(time.Microsecond)
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/nats"
)

const (
	refreshes = 2000
	// upstreamTime is long enough for the second instance to follow.
	upstreamTime = 10 * time.Millisecond
)

// added prints the time that sharing adds to a refresh.
func added(url string) {
	leader, follower := measure(url)
	fmt.Printf("  %d refreshes shared by two instances, added to upstream's %v:\n", refreshes, upstreamTime)
	fmt.Printf("    leader: p50 %v, p99 %v\n", quantile(leader, 50), quantile(leader, 99))
	fmt.Printf("    follower: p50 %v, p99 %v (after upstream's response)\n", quantile(follower, 50), quantile(follower, 99))
}

// measure makes two instances refresh the same tokens. It returns the times of the
// leader without upstream's own, and the times of the follower after upstream's
// response.
func measure(url string) (leader, follower []time.Duration) {
	first, second := newInstance(url), newInstance(url)
	defer func() {
		check(first.Close(context.Background()))
		check(second.Close(context.Background()))
	}()
	for n := range refreshes {
		token := session.NewSecret(fmt.Sprintf("a refresh token of some length, number %d", n))
		u, done := &upstream{asked: make(chan struct{})}, make(chan time.Time)
		started := time.Now()
		go func() {
			<-u.asked
			_, err := second.Do(context.Background(), token, u.calls())
			check(err)
			done <- time.Now()
		}()
		_, err := first.Do(context.Background(), token, u.calls())
		check(err)
		leader = append(leader, time.Since(started)-u.took)
		follower = append(follower, (<-done).Sub(u.responded))
	}
	return leader[refreshes/10:], follower[refreshes/10:] // without the warm-up
}

func newInstance(url string) *fleet.Coordinator {
	c, err := nats.New(nats.Config{URL: session.NewSecret(url), Secret: session.NewSecret("a secret for measurements, of 32 bytes"), Timeout: 2 * time.Second})
	check(err)
	return c
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
	time.Sleep(upstreamTime)
	u.responded = time.Now()
	u.took = u.responded.Sub(started)
	return &session.Grant{
		JWT:          session.NewSecret(string(make([]byte, 1000))),
		RefreshToken: session.RefreshToken{Secret: session.NewSecret(token.Reveal() + "'")},
		User:         session.User{ID: "a user"}, ReceivedAt: u.responded,
	}, nil
}

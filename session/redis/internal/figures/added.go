package main

import (
	"context"
	"fmt"
	"time"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
)

const (
	refreshes = 2000
	// upstreamTime is long enough for the second instance to wait.
	upstreamTime = 10 * time.Millisecond
)

// added prints what sharing adds to upstream's time.
func added(url string) {
	leads, waits := measure(url)
	fmt.Printf("  %d refreshes shared by two instances, added to upstream's %v:\n", refreshes, upstreamTime)
	fmt.Printf("    who leads: p50 %v, p99 %v\n", quantile(leads, 50), quantile(leads, 99))
	fmt.Printf("    who waits: p50 %v, p99 %v (after upstream's answer)\n", quantile(waits, 50), quantile(waits, 99))
}

// measure has two instances refresh the same tokens. It returns what the one
// that leads needed beside upstream's time, and how long after upstream's
// answer the other one had it.
func measure(url string) (leads, waits []time.Duration) {
	first, second := newInstance(url), newInstance(url)
	defer func() {
		check(first.Close(context.Background()))
		check(second.Close(context.Background()))
	}()
	for n := range refreshes {
		token := session.NewSecret(fmt.Sprintf("a refresh token of some length, number %d", n))
		work, waited := &upstream{asked: make(chan struct{})}, make(chan time.Time)
		began := time.Now()
		go func() {
			<-work.asked
			_, err := second.Do(context.Background(), token, work)
			check(err)
			waited <- time.Now()
		}()
		_, err := first.Do(context.Background(), token, work)
		check(err)
		leads = append(leads, time.Since(began)-work.took)
		waits = append(waits, (<-waited).Sub(work.answered))
	}
	return leads[refreshes/10:], waits[refreshes/10:] // without warming up
}

func newInstance(url string) *redis.Coordinator {
	c, err := redis.New(redis.Config{URL: session.NewSecret(url), Secret: session.NewSecret("a secret for measurements, of 32 bytes"), Timeout: 2 * time.Second})
	check(err)
	return c
}

// upstream is session.Work that takes its time and notes when it answered.
type upstream struct {
	asked    chan struct{}
	took     time.Duration
	answered time.Time
}

func (u *upstream) Ask(_ context.Context, token session.Secret) (*session.Grant, error) {
	began := time.Now()
	close(u.asked)
	time.Sleep(upstreamTime)
	u.answered = time.Now()
	u.took = u.answered.Sub(began)
	return &session.Grant{
		JWT:          session.NewSecret(string(make([]byte, 1000))),
		RefreshToken: session.RefreshToken{Secret: session.NewSecret(token.Reveal() + "'")},
		User:         session.User{ID: "a user"}, ReceivedAt: u.answered,
	}, nil
}

func (u *upstream) Judge(context.Context, *session.Grant) error { return nil }

func (u *upstream) Revoke(context.Context, *session.Grant) {}

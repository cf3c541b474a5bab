package network_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/integration_test/lab"
	"github.com/crossmint-go/auth/integration_test/network"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// TestLaboratory runs the fault laboratory on a faulty network. Its hours pass in
// seconds.
func TestLaboratory(t *testing.T) {
	for name, grace := range map[string]time.Duration{"with grace period": 30 * time.Second, "without grace period": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var proxy *network.Proxy
				done := make(chan struct{})
				var changes sync.WaitGroup
				through := func(dial lab.Dial) (out lab.Dial) {
					proxy, out = network.Through(dial)
					changes.Go(func() { changeLinksUntil(proxy, done) })
					return out
				}
				report, err := lab.Run(lab.Config{Seed: 1, Users: 50, Requests: 1_500, Faults: 0.1, Grace: grace, Network: through}, kit)
				close(done)
				changes.Wait()
				proxy.Close()
				fatal(t, err)
				t.Log(report)
				if report.WrongfulLogouts != 0 || report.WrongfulEntries != 0 || report.TurnedAway != 0 {
					t.Errorf("%d wrongful logouts, %d wrong users, %d times 401 with a live token", report.WrongfulLogouts, report.WrongfulEntries, report.TurnedAway)
				}
			})
		})
	}
}

// changeLinksUntil changes between minutes with and minutes without faults until done
// is closed.
func changeLinksUntil(p *network.Proxy, done <-chan struct{}) {
	random := rand.New(rand.NewPCG(faultSeed, 1))
	for i := 0; ; i++ {
		link := network.Link{}
		if i%2 == 0 {
			link = faultyLinks[random.IntN(len(faultyLinks))]
		}
		p.Set(link)
		switch random.IntN(4) {
		case 0:
			p.Silence()
		case 1:
			p.Reset()
		}
		select {
		case <-done:
			return
		case <-time.After(time.Duration(random.Int64N(int64(4 * time.Minute)))):
		}
	}
}

// kit is this module as the subject of the laboratory.
func kit(config crossmint.Config) (http.Handler, func(), error) {
	config.Logger = slog.New(slog.DiscardHandler)
	client, err := crossmint.NewClient(config)
	if err != nil {
		return nil, nil, err
	}
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
	if err != nil {
		return nil, nil, err
	}
	sessions, err := session.NewManager(session.Config{Upstream: client, Logger: config.Logger})
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{}))
	mux.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
	mux.Handle("/me", middleware.RequireSession(sessions, cookies, middleware.Config{})(http.HandlerFunc(me)))
	return mux, func() { _ = sessions.Close(context.Background()); client.Close() }, nil
}

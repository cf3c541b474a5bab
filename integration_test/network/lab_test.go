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

// TestLaboratory runs the fault laboratory, the faults of upstream included,
// over a network with hours of bad weather. They pass in seconds.
func TestLaboratory(t *testing.T) {
	for name, grace := range map[string]time.Duration{"upstream forgives": 30 * time.Second, "upstream forgives nothing": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var proxy *network.Proxy
				over := make(chan struct{})
				var weather sync.WaitGroup
				through := func(dial lab.Dial) (out lab.Dial) {
					proxy, out = network.Through(dial)
					weather.Go(func() { storms(proxy, over) })
					return out
				}
				report, err := lab.Run(lab.Config{Seed: 1, Users: 50, Requests: 3_000, Faults: 0.1, Grace: grace, Network: through}, kit)
				close(over)
				weather.Wait()
				proxy.Close()
				fatal(t, err)
				t.Log(report)
				if report.WrongfulLogouts != 0 || report.WrongUsers != 0 || report.RejectedLive != 0 {
					t.Errorf("%d wrongful logouts, %d wrong users, %d times 401 with a live token", report.WrongfulLogouts, report.WrongUsers, report.RejectedLive)
				}
			})
		})
	}
}

// storms changes the network for as long as the laboratory runs: bad for
// minutes, good for minutes.
func storms(p *network.Proxy, over <-chan struct{}) {
	random := rand.New(rand.NewPCG(weatherSeed, 1))
	for i := 0; ; i++ {
		link := network.Link{}
		if i%2 == 0 {
			link = badLinks[random.IntN(len(badLinks))]
		}
		p.Set(link)
		switch random.IntN(4) {
		case 0:
			p.Strand()
		case 1:
			p.Break()
		}
		select {
		case <-over:
			return
		case <-time.After(time.Duration(random.Int64N(int64(4 * time.Minute)))):
		}
	}
}

// kit is this module as the laboratory's subject.
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

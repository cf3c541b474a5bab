package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/crossmint-go/auth/example/fleet/internal/balancer"
	"github.com/crossmint-go/auth/example/fleet/internal/console"
	"github.com/crossmint-go/auth/example/fleet/internal/fleet"
	"github.com/crossmint-go/auth/example/fleet/internal/instance"
	"github.com/crossmint-go/auth/example/fleet/internal/store"
	"github.com/crossmint-go/auth/example/fleet/internal/upstream"
)

// world is everything that runs: the store, upstream, the instances, the balancer
// and the page.
type world struct {
	handler http.Handler
	closers []func() error // the last one is closed first
}

// newWorld starts the store, unless it runs already, upstream and the instances.
func newWorld(ctx context.Context, storeName string) (w *world, err error) {
	w = &world{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	s, err := store.Start(ctx, storeName)
	if err != nil {
		return nil, err
	}
	w.closers = append(w.closers, s.Close)
	u, err := upstream.Start()
	if err != nil {
		return nil, err
	}
	w.closers = append(w.closers, u.Close)
	// All instances have the same secret. A deployment stores it with its other
	// secrets.
	config := u.Config()
	f, err := fleet.Start(instance.Order{
		APIKey: config.APIKey.Reveal(), BaseURL: config.BaseURL, APIKeyVerifiers: config.APIKeyVerifiers, StoreURL: s.URL, Secret: rand.Text() + rand.Text(),
	}, "A", "B")
	if err != nil {
		return nil, err
	}
	w.closers = append(w.closers, f.Close)
	b := balancer.New(f)
	w.closers = append(w.closers, func() error { b.Close(); return nil })

	mux := http.NewServeMux()
	mux.Handle("/api/", b.Handler())
	mux.Handle("/", console.New(f, b, u, s))
	w.handler = mux
	return w, nil
}

// close ends everything.
func (w *world) close() error {
	var errs []error
	for i := len(w.closers) - 1; i >= 0; i-- {
		errs = append(errs, w.closers[i]())
	}
	return errors.Join(errs...)
}

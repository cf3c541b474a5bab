package event_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// Counters for Prometheus. With its client library the hook is one line,
// counter.WithLabelValues(e.Op, string(e.Outcome)).Inc(), and Log beside it keeps
// the log. UserID and Token have too many values for labels.
func ExampleLog() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	client, err := crossmint.NewClient(fake.Config())
	if err != nil {
		panic(err)
	}
	defer client.Close()

	var mu sync.Mutex // events come concurrently
	counts := map[string]int{}
	log := event.Log(slog.New(slog.DiscardHandler))
	sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: func(ctx context.Context, e event.Event) {
		mu.Lock()
		counts[fmt.Sprintf("crossmint_session_total{op=%q,outcome=%q}", e.Op, e.Outcome)]++
		mu.Unlock()
		log(ctx, e)
	}})
	if err != nil {
		panic(err)
	}
	defer sessions.Close(context.Background())

	ctx := context.Background()
	ann := fake.ExpiredGrant(fake.NewUser("ann@example.com"))
	for range 2 {
		_, _ = sessions.Authenticate(ctx, session.Material{JWT: ann.JWT, RefreshToken: ann.RefreshToken.Secret})
	}
	_, _ = sessions.Authenticate(ctx, session.Material{})
	mu.Lock()
	defer mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Println(name, counts[name])
	}
	// Output:
	// crossmint_session_total{op="authenticate",outcome="refreshed"} 2
	// crossmint_session_total{op="authenticate",outcome="rejected"} 1
}

package redis_test

import (
	"context"
	"testing"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/redis"
)

func TestHookPanics(t *testing.T) {
	c := newCoordinator(t, "redis://127.0.0.1:1", redis.Config{
		Logger:  testkit.DiscardLogger(),
		OnEvent: func(context.Context, event.Event) { panic("hook") },
	})
	if got := coordinatortest.Do(t, c, "a", &coordinatortest.Calls{}); got != "a'" {
		t.Errorf("got %s", got)
	}
	wantRefusal(t, c, "b", definite)
}

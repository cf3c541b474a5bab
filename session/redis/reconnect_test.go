package redis_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/internal/redistest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/redis"
)

// onEachServer runs a test with the path of every installed server.
func onEachServer(t *testing.T, test func(t *testing.T, path string)) {
	t.Helper()
	t.Parallel()
	binaries, err := redistest.Binaries()
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range binaries {
		t.Run(name, func(t *testing.T) { test(t, path) })
	}
}

// A stable address leads to the former primary, and to the new one for new
// connections only.
func TestPrimaryIsDemotedBehindAStableAddress(t *testing.T) {
	onEachServer(t, func(t *testing.T, path string) {
		old, next := startStore(t, path), startStore(t, path)
		address := newForwarder(t, old.Addr())
		a, b := newCoordinator(t, address.URL(), quick), newCoordinator(t, address.URL(), quick)
		untilShared(t, a, b)
		address.setTarget(next.Addr())
		old.do("REPLICAOF", "127.0.0.1", "1")
		untilShared(t, a, b)
		if len(next.keysOf(tokenKeys)) == 0 {
			t.Error("the new primary has no record")
		}
	})
}

// The password changes while the program runs. The server ends the connections of the
// old one, as managed stores do.
func TestCredentialsAreRotated(t *testing.T) {
	onEachServer(t, func(t *testing.T, path string) {
		s := startStore(t, path)
		set := func(password string) {
			s.do("ACL", "SETUSER", "instance", "on", "resetpass", ">"+password, "~crossmint:*", "&crossmint:*",
				"-@all", "+@read", "+@write", "+@scripting", "+@pubsub", "+@connection", "+time")
		}
		var password atomic.Value
		password.Store("first")
		set("first")
		config := quick
		config.Credentials = func() (string, session.Secret, error) {
			return "instance", session.NewSecret(password.Load().(string)), nil
		}
		a, b := newCoordinator(t, s.URL(), config), newCoordinator(t, s.URL(), config)
		untilShared(t, a, b)
		set("second")
		password.Store("second")
		s.do("CLIENT", "KILL", "USER", "instance")
		untilShared(t, a, b)
	})
}

// The documentation names the permissions. If one of them is missing, an event says so.
func TestMissingPermissionIsReported(t *testing.T) {
	for _, missing := range []string{"-publish", "-subscribe", "-evalsha", "-time", "-get", "-set", "-del"} {
		t.Run(missing, func(t *testing.T) {
			onEachServer(t, func(t *testing.T, path string) {
				s := startStore(t, path)
				s.do("ACL", "SETUSER", "instance", "on", ">password", "~crossmint:*", "&crossmint:*",
					"-@all", "+@read", "+@write", "+@scripting", "+@pubsub", "+@connection", "+time", missing)
				seen := &events{}
				config := quick
				config.OnEvent = seen.Record
				a := newSubscriber(t, "redis://instance:password@"+s.Addr(), config)
				coordinatortest.Eventually(t, "an event reported the missing permission", func() bool {
					coordinatortest.Do(t, a, fmt.Sprint(time.Now()), &coordinatortest.Calls{Exchange: coordinatortest.Unrotated})
					_ = a.Deny(t.Context(), digestOf(0), time.Now().Add(time.Hour))
					return seen.Count(event.StoreDegraded) > 0
				})
			})
		})
	}
}

// Sentinels and the store have different passwords.
func TestSentinelWithPassword(t *testing.T) {
	onEachServer(t, func(t *testing.T, path string) {
		primary := startStore(t, path)
		sentinel := startSentinel(t, path, primary)
		url := fmt.Sprintf("redis://%s?master_set=primary", sentinel.Addr())
		config := redis.Config{SentinelUser: "default", SentinelPassword: session.NewSecret("of the sentinel")}
		a, b := newCoordinator(t, url, config), newCoordinator(t, url, config)
		untilShared(t, a, b)
		if len(primary.keysOf(tokenKeys)) == 0 {
			t.Error("the primary has no record")
		}
	})
}

// startSentinel starts a sentinel with a password in front of a primary.
func startSentinel(t *testing.T, path string, primary *store) *redistest.Server {
	t.Helper()
	s, err := redistest.StartSentinel(path, "primary", primary.Addr(), "of the sentinel")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

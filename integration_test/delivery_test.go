package integration_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session/event"
	"github.com/google/go-cmp/cmp"
)

// A handler that takes long before its first byte does not sign the user out:
// other tabs with the old cookies get the same new session.
func TestSlowHandler(t *testing.T) {
	for _, seconds := range []int{1, 12, 60, 600} {
		t.Run(fmt.Sprintf("%d s", seconds), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newVirtualSite(t, siteConfig{})
				s.slow("/report", time.Duration(seconds)*time.Second)
				b := s.browser(t)
				user := s.signInExpired(b, "ada@example.com").User.ID
				var tabs sync.WaitGroup
				for range 5 {
					report := b.request(http.MethodGet, "/report", "")
					tabs.Go(func() { wantStatus(t, b.send(report), http.StatusOK) })
				}
				time.Sleep(time.Duration(seconds) * time.Second * 9 / 10)
				b.wantUser(user) // a page opened meanwhile
				tabs.Wait()
				time.Sleep(12 * time.Second)
				b.wantUser(user)
				if calls := s.Fake.Calls().Refresh; calls != 1 {
					t.Errorf("%d refresh calls, want 1", calls)
				}
				if live := s.Fake.LiveOf(user); live != 1 {
					t.Errorf("%d live refresh tokens, want 1", live)
				}
			})
		})
	}
}

// The grace period starts with the delivery and ends: after that the old token
// goes upstream again, so that the reuse detection there works.
func TestGracePeriodStartsWithDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := crossminttest.ReuseRefuse
		s := newVirtualSite(t, siteConfig{reuse: &refuse})
		s.slow("/report", 14*time.Second)
		b := s.browser(t)
		s.signInExpired(b, "ada@example.com")
		old := b.request(http.MethodGet, "/me", "")
		wantStatus(t, b.get("/report"), http.StatusOK)
		time.Sleep(9 * time.Second)
		wantStatus(t, b.send(old.Clone(t.Context())), http.StatusOK)
		time.Sleep(2 * time.Second)
		w := httptest.NewRecorder()
		s.mux.ServeHTTP(w, old)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("the old token after the grace period: %d, want 401", w.Code)
		}
		if calls := s.Fake.Calls().Refresh; calls != 2 {
			t.Errorf("%d refresh calls, want 2", calls)
		}
	})
}

// A logout wins over a slow response that was on its way.
func TestLogoutDuringSlowHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newVirtualSite(t, siteConfig{})
		s.slow("/report", 14*time.Second)
		b := s.browser(t)
		user := s.signInExpired(b, "ada@example.com").User.ID
		report := b.request(http.MethodGet, "/report", "")
		done := make(chan *http.Response)
		go func() { done <- b.send(report) }()
		time.Sleep(11 * time.Second)
		wantStatus(t, b.post("/logout", ""), http.StatusNoContent)
		wantNoSessionCookies(t, <-done)
		if live := s.Fake.LiveOf(user); live != 0 {
			t.Errorf("%d live refresh tokens after the logout", live)
		}
		wantStatus(t, b.get("/me"), http.StatusUnauthorized)
	})
}

// A slow handler panics, and a layer around the middleware responds in its place.
// The cookies of that response do not overwrite those of a sign-in meanwhile.
func TestSignInDuringHandlerThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newVirtualSite(t, siteConfig{})
		s.handle("/report", func(http.ResponseWriter, *http.Request) {
			time.Sleep(5 * time.Second)
			panic("broken")
		})
		recoverer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if recover() != nil {
					w.WriteHeader(http.StatusInternalServerError)
				}
			}()
			s.mux.ServeHTTP(w, r)
		})
		b := newVirtualBrowser(t, recoverer)
		s.signInExpired(b, "ada@example.com")
		report := b.request(http.MethodGet, "/report", "")
		done := make(chan *http.Response)
		go func() { done <- b.send(report) }()
		time.Sleep(time.Second)
		bob := s.Fake.NewUser("bob@example.com")
		wantStatus(t, b.post("/refresh", `{"refresh":"`+s.Fake.OneTimeSecret(bob)+`"}`), http.StatusOK)
		res := <-done
		wantStatus(t, res, http.StatusInternalServerError)
		wantNoSessionCookies(t, res)
		time.Sleep(time.Minute)
		b.wantUser(bob.ID)
	})
}

// A response that was renewed first and is written last does not overwrite the
// cookies of later renewals with used ones.
func TestSlowResponseAfterLaterRenewals(t *testing.T) {
	for _, rotations := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d rotations", rotations), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newVirtualSite(t, siteConfig{})
				s.slow("/report", time.Minute)
				b := s.browser(t)
				user := s.signInExpired(b, "ada@example.com").User.ID
				report := b.request(http.MethodGet, "/report", "")
				done := make(chan *http.Response)
				go func() { done <- b.send(report) }()
				time.Sleep(time.Second)
				b.wantUser(user)
				for range rotations {
					time.Sleep(15 * time.Second)
					wantStatus(t, b.post("/refresh", "{}"), http.StatusOK)
				}
				res := <-done
				wantStatus(t, res, http.StatusOK)
				wantNoSessionCookies(t, res)
				time.Sleep(time.Minute)
				wantStatus(t, b.post("/refresh", "{}"), http.StatusOK)
				b.wantUser(user)
			})
		})
	}
}

// While no later renewal has reached the browser, the slow response brings its
// own cookies.
func TestSlowResponseBeforeLaterRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newVirtualSite(t, siteConfig{})
		s.slow("/report", 20*time.Second)
		b := s.browser(t)
		user := s.signInExpired(b, "ada@example.com").User.ID
		report := b.request(http.MethodGet, "/report", "")
		done := make(chan *http.Response)
		go func() { done <- b.send(report) }()
		time.Sleep(time.Second)
		b.wantUser(user)
		s.Fake.SetLatency(crossminttest.Refresh, 2*time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		lost(s, b.request(http.MethodPost, "/refresh", "{}").WithContext(ctx))
		res := <-done
		if len(res.Cookies()) == 0 {
			t.Error("the slow response brought no cookies")
		}
		time.Sleep(time.Minute)
		wantStatus(t, b.post("/refresh", "{}"), http.StatusOK)
		b.wantUser(user)
	})
}

// The same holds where upstream repeats a grant, the repetition is of no use, and
// the session is refreshed on from it.
func TestSlowResponseAfterRepeatedGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reuse := crossminttest.ReuseGrace
		s := newVirtualSite(t, siteConfig{reuse: &reuse})
		s.slow("/report", time.Minute)
		b := s.browser(t)
		user := s.signInExpired(b, "ada@example.com").User.ID
		report := b.request(http.MethodGet, "/report", "")
		done := make(chan *http.Response)
		go func() { done <- b.send(report) }()
		time.Sleep(time.Second)
		lost(s, b.request(http.MethodGet, "/me", ""))
		time.Sleep(15 * time.Second) // the grace period is over here, and not at upstream
		s.Fake.Fail(crossminttest.Refresh, crossminttest.Edit(func(members map[string]any) { delete(members, "jwt") }))
		wantStatus(t, b.get("/me"), http.StatusServiceUnavailable)
		b.wantUser(user)
		wantNoSessionCookies(t, <-done)
		time.Sleep(time.Hour)
		b.wantUser(user)
	})
}

// A long response has left the server's buffer, although the handler still writes. Its
// session may be renewed again, or end, without an end of the response.
func TestLongResponse(t *testing.T) {
	tests := []struct {
		name      string
		meanwhile func(t *testing.T, b *virtualBrowser)
	}{
		{name: "the session is renewed again", meanwhile: func(t *testing.T, b *virtualBrowser) {
			t.Helper()
			wantStatus(t, b.get("/me"), http.StatusOK)
			wantStatus(t, b.post("/refresh", "{}"), http.StatusOK)
		}},
		{name: "the user logs out", meanwhile: func(t *testing.T, b *virtualBrowser) {
			t.Helper()
			wantStatus(t, b.post("/logout", ""), http.StatusNoContent)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const parts, size = 60, 64 << 10
				s := newVirtualSite(t, siteConfig{})
				s.handle("/export", func(w http.ResponseWriter, _ *http.Request) {
					for range parts {
						if _, err := io.WriteString(w, strings.Repeat("x", size)); err != nil {
							t.Errorf("the handler got %v", err)
							return
						}
						time.Sleep(time.Second)
					}
				})
				b := s.browser(t)
				s.signInExpired(b, "ada@example.com")
				export := b.request(http.MethodGet, "/export", "")
				server := &http.Server{ReadHeaderTimeout: time.Second} // it can cut a response off
				export = export.WithContext(context.WithValue(export.Context(), http.ServerContextKey, server))
				length := make(chan int)
				go func() {
					defer close(length)
					defer func() {
						if v := recover(); v != nil {
							t.Errorf("the response was cut off: %v", v)
						}
					}()
					length <- len(testkit.Must(io.ReadAll(b.send(export).Body)))
				}()
				time.Sleep(parts / 2 * time.Second)
				tt.meanwhile(t, b)
				if got, want := <-length, parts*size; got != want {
					t.Errorf("%d bytes, want %d", got, want)
				}
			})
		})
	}
}

// Whatever keeps the cookies from reaching the browser, the next ordinary
// response brings them, also after minutes, and without another refresh.
func TestUndeliveredSession(t *testing.T) {
	tests := []struct {
		name string
		// attempt makes the request whose response is lost.
		attempt func(s *virtualSite, b *virtualBrowser)
	}{
		{name: "handler panics", attempt: func(s *virtualSite, b *virtualBrowser) {
			s.handle("/broken", func(http.ResponseWriter, *http.Request) { panic("broken") })
			defer func() { _ = recover() }()
			b.get("/broken")
		}},
		{name: "handler panics after it has written", attempt: func(s *virtualSite, b *virtualBrowser) {
			s.handle("/broken", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "half of the page")
				panic("broken")
			})
			defer func() { _ = recover() }()
			b.get("/broken")
		}},
		{name: "client disconnects before the header", attempt: func(s *virtualSite, b *virtualBrowser) {
			s.slow("/report", 5*time.Second)
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			lost(s, b.request(http.MethodGet, "/report", "").WithContext(ctx))
		}},
		{name: "TimeoutHandler around drops the response", attempt: func(s *virtualSite, b *virtualBrowser) {
			s.slow("/report", time.Minute)
			h := http.TimeoutHandler(s.mux, time.Second, "")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, b.request(http.MethodGet, "/report", ""))
			wantStatus(b.t, w.Result(), http.StatusServiceUnavailable)
		}},
		{name: "WebSocket handshake is refused", attempt: func(s *virtualSite, b *virtualBrowser) {
			s.handle("/socket", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
			r := b.request(http.MethodGet, "/socket", "")
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "websocket")
			lost(s, r)
		}},
		{name: "a proxy sends its own error page", attempt: func(s *virtualSite, b *virtualBrowser) {
			s.handle("/missing", http.NotFound)
			lost(s, b.request(http.MethodGet, "/missing", ""))
		}},
		{name: "a proxy sends the page in its cache", attempt: func(s *virtualSite, b *virtualBrowser) {
			s.handle("/cached", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
			lost(s, b.request(http.MethodGet, "/cached", ""))
		}},
		{name: "middleware.Session after the response has begun", attempt: func(s *virtualSite, b *virtualBrowser) {
			get := middleware.Session(s.Manager, s.cookies, middleware.Config{})
			s.mux.HandleFunc("/late", func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "too late")
				_, _ = get(w, r)
			})
			lost(s, b.request(http.MethodGet, "/late", ""))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newVirtualSite(t, siteConfig{})
				b := s.browser(t)
				grant := s.signInExpired(b, "ada@example.com")
				tt.attempt(s, b)
				if b.token() != grant.RefreshToken.Secret.Reveal() {
					t.Fatal("the browser got the new cookies")
				}
				time.Sleep(2 * time.Minute)
				b.wantUser(grant.User.ID)
				if b.token() == grant.RefreshToken.Secret.Reveal() {
					t.Error("the next response brought no new cookies")
				}
				if calls := s.Fake.Calls().Refresh; calls != 1 {
					t.Errorf("%d refresh calls, want 1", calls)
				}
			})
		})
	}
}

// lost serves r and drops the response.
func lost(s *virtualSite, r *http.Request) { s.mux.ServeHTTP(httptest.NewRecorder(), r) }

// A grant that upstream sends without a usable JWT is exchanged on when its user
// comes back within an hour.
func TestUnusableGrantIsKept(t *testing.T) {
	for _, away := range []time.Duration{time.Minute, 50 * time.Minute} {
		t.Run(away.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newVirtualSite(t, siteConfig{})
				b := s.browser(t)
				user := s.signInExpired(b, "ada@example.com").User.ID
				s.Fake.Fail(crossminttest.Refresh, crossminttest.Edit(func(members map[string]any) { delete(members, "jwt") }))
				wantStatus(t, b.get("/me"), http.StatusServiceUnavailable)
				time.Sleep(away)
				b.wantUser(user)
			})
		})
	}
}

// A request that was canceled takes nothing: the session waits for one that can
// store it.
func TestCanceledRequestTakesNothing(t *testing.T) {
	for range 20 { // a select with two ready channels chooses at random
		synctest.Test(t, func(t *testing.T) {
			s := newVirtualSite(t, siteConfig{})
			b := s.browser(t)
			user := s.signInExpired(b, "ada@example.com").User.ID
			ctx, cancel := context.WithCancel(t.Context())
			s.Fake.Fail(crossminttest.Refresh, crossminttest.Edit(func(map[string]any) { cancel() }))
			lost(s, b.request(http.MethodGet, "/me", "").WithContext(ctx))
			time.Sleep(time.Minute)
			b.wantUser(user)
		})
	}
}

func TestWriteTimeoutIsReported(t *testing.T) {
	tests := []struct {
		name         string
		writeTimeout time.Duration
		refresh      time.Duration
		want         []string // operations of the warnings
	}{
		{name: "no write timeout", refresh: 6 * time.Second},
		{name: "refresh within the write timeout", writeTimeout: 15 * time.Second, refresh: 6 * time.Second},
		{name: "refresh could take longer", writeTimeout: 7 * time.Second, refresh: 6 * time.Second, want: []string{"authenticate"}},
		{name: "refresh takes longer", writeTimeout: 5 * time.Second, refresh: 6 * time.Second, want: []string{"authenticate", "store"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newVirtualSite(t, siteConfig{})
				s.Fake.SetLatency(crossminttest.Refresh, tt.refresh)
				b := s.browser(t)
				user := s.signInExpired(b, "ada@example.com").User.ID
				r := b.request(http.MethodGet, "/me", "")
				server := &http.Server{WriteTimeout: tt.writeTimeout}
				lost(s, r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, server)))
				var got []string
				times := map[string]string{"authenticate": "10s", "store": "6s"}
				for _, e := range s.All() {
					if e.Outcome != event.Misconfigured {
						continue
					}
					got = append(got, e.Op)
					if text := e.Err.Error(); !strings.Contains(text, tt.writeTimeout.String()) || !strings.Contains(text, times[e.Op]) {
						t.Errorf("the warning %q does not name %v and %s", text, tt.writeTimeout, times[e.Op])
					}
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("warnings (-want +got):\n%s", diff)
				}
				if !slices.Contains(tt.want, "store") {
					return
				}
				time.Sleep(time.Minute) // the session waits for a response that arrives
				b.wantUser(user)
			})
		})
	}
}

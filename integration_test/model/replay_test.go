package model_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/google/go-cmp/cmp"
)

// The ticks of the model's clock. The sum of the seconds without a longer tick is
// shorter than all bounds between a second and a minute.
const (
	oneSecond = time.Second + time.Millisecond
	oneMinute = time.Minute + time.Second
	oneHour   = time.Hour + time.Second
)

// tabKey is the context key of the tab that has sent a request.
type tabKey struct{}

// tab is one tab of the browser with its last request.
type tab struct {
	number   int
	isLogout bool
	cancel   context.CancelFunc
	release  chan struct{} // lets the handler, or upstream's logout, go on
	released bool
	done     chan struct{}
	recorder *httptest.ResponseRecorder
	asks     atomic.Bool
	handles  atomic.Int64 // the token of the session that the handler got
	state    string       // as the model prints it
}

// replay is the real thing: two instances without a store, one upstream, one browser.
type replay struct {
	t        *testing.T
	upstream *upstream
	codec    *cookie.Codec
	sites    [2]http.Handler
	managers []*session.Manager
	jar      *cookiejar.Jar
	url      *url.URL
	tabs     [3]*tab
}

func newReplay(t *testing.T, policy reusePolicy) *replay {
	r := &replay{
		t: t, upstream: newUpstream(policy), codec: testkit.Must(cookie.NewCodec(cookie.Config{ProjectID: "project"})),
		jar: testkit.Must(cookiejar.New(nil)), url: testkit.Must(url.Parse("https://site.test/")),
	}
	for at := range r.sites {
		r.sites[at] = r.newSite(at)
	}
	for number := range r.tabs {
		r.tabs[number] = &tab{number: number}
	}
	w := httptest.NewRecorder()
	testkit.NoError(t, r.codec.Write(w, r.request(http.MethodGet, "/", ""), r.upstream.expiredGrant(1)))
	r.jar.SetCookies(r.url, w.Result().Cookies())
	return r
}

func (r *replay) newSite(at int) http.Handler {
	manager := testkit.Must(session.NewManager(session.Config{
		Upstream: r.upstream.instance(at), Grace: time.Minute,
		RefreshTimeout: 35 * time.Second, RefreshBudget: 35 * time.Second, LogoutTimeout: 35 * time.Second,
		OnEvent: func(ctx context.Context, e event.Event) {
			if t, ok := ctx.Value(tabKey{}).(*tab); ok && e.Outcome == event.AskedAgain {
				t.asks.Store(true)
			}
		},
	}))
	r.managers = append(r.managers, manager)
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(manager, r.codec, handlers.Config{}))
	mux.Handle("/logout", handlers.Logout(manager, r.codec, handlers.Config{}))
	mux.Handle("/me", middleware.RequireSession(manager, r.codec, middleware.Config{})(http.HandlerFunc(serveSlowly)))
	return mux
}

// serveSlowly responds to a request whose session was renewed once its tab is
// released, and to others at once.
func serveSlowly(w http.ResponseWriter, r *http.Request) {
	t, _ := r.Context().Value(tabKey{}).(*tab)
	user, _ := session.FromContext(r.Context())
	if len(w.Header()["Set-Cookie"]) > 0 {
		t.handles.Store(int64(numberOf(user.RefreshToken.Secret.Reveal())))
		<-t.release
	}
	_, _ = io.WriteString(w, user.UserID)
}

// request returns a request with the cookies of the jar.
func (r *replay) request(method, path, body string) *http.Request {
	request := httptest.NewRequest(method, "https://site.test"+path, strings.NewReader(body))
	for _, c := range r.jar.Cookies(r.url) {
		request.AddCookie(c)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	return request
}

// start sends a request from a tab to an instance.
func (r *replay) start(number, at int, request *http.Request) {
	t := &tab{
		number: number, isLogout: request.URL.Path == "/logout",
		release: make(chan struct{}), done: make(chan struct{}), recorder: httptest.NewRecorder(),
	}
	r.tabs[number] = t
	ctx, cancel := context.WithCancel(context.WithValue(r.t.Context(), tabKey{}, t))
	t.cancel = cancel
	go func() {
		defer close(t.done)
		r.sites[at].ServeHTTP(t.recorder, request.WithContext(ctx))
	}()
}

func (t *tab) goOn() {
	if !t.released {
		t.released = true
		close(t.release)
	}
}

// step carries out a step of the model. Arguments that a step does not have are 0.
func (r *replay) step(name string, a, b int) {
	switch name {
	case "visit":
		r.start(a, b, r.request(http.MethodGet, "/me", ""))
	case "logout":
		r.start(a, b, r.request(http.MethodPost, "/logout", ""))
	case "signin":
		r.start(a, b, r.request(http.MethodPost, "/refresh", `{"refresh":"`+secretOf(firstOfBen)+`"}`))
	case "write", "end":
		r.tabs[a].goOn()
	case "disconnect":
		r.tabs[a].cancel()
		r.tabs[a].goOn()
		<-r.tabs[a].done
		r.tabs[a] = &tab{number: a}
	case "arrive":
		r.jar.SetCookies(r.url, r.tabs[a].recorder.Result().Cookies())
	case "cut":
	case "receive":
		r.upstream.receive(a, b)
	case "fail":
		r.upstream.fail(a, b)
	case "land":
		r.upstream.land(a, b)
	case "second":
		time.Sleep(oneSecond)
	case "minute":
		time.Sleep(oneMinute)
	case "hour":
		time.Sleep(oneHour)
	default:
		r.t.Fatalf("unknown step %q", name)
	}
	synctest.Wait()
}

// effects returns what the last step has changed, as the model prints it.
func (r *replay) effects() (effects []string) {
	for _, t := range r.tabs {
		if state := t.observe(); state != t.state {
			t.state = state
			effects = append(effects, fmt.Sprintf("tab %d %s", t.number, state))
		}
	}
	presented := r.codec.Read(r.request(http.MethodGet, "/", ""))
	token := numberOf(presented.Material.RefreshToken.Reveal())
	marker := "no marker"
	switch hasMarker := slices.ContainsFunc(r.jar.Cookies(r.url), isMarker); {
	case !presented.Material.RefusedAt.IsZero():
		marker = "a valid marker"
	case hasMarker:
		marker = "an invalid marker"
	}
	return append(effects, fmt.Sprintf("jar %d with %s", token, marker), strings.TrimSpace("calls "+r.upstream.inFlight()))
}

func isMarker(c *http.Cookie) bool { return strings.HasSuffix(c.Name, "-refused") }

// observe returns the state of the tab's request: empty without one.
func (t *tab) observe() string {
	if t.done == nil {
		return ""
	}
	select {
	case <-t.done:
	default:
		switch token := t.handles.Load(); {
		case token != 0:
			return fmt.Sprintf("handles %d", token)
		case t.asks.Load():
			return "asks"
		}
		return "waits"
	}
	cookies := "kept"
	for _, c := range t.recorder.Result().Cookies() {
		switch {
		case isMarker(c) && c.MaxAge > 0:
			cookies = "marked"
		case isMarker(c) || !strings.Contains(c.Name, "refresh-token"):
		case c.MaxAge < 0:
			cookies = "deleted"
		default:
			cookies = fmt.Sprintf("set %d", numberOf(c.Value))
		}
	}
	return fmt.Sprintf("%d %s", t.recorder.Code, cookies)
}

// close ends all that is still running.
func (r *replay) close() {
	for _, t := range r.tabs {
		if t.done != nil {
			t.cancel()
			t.goOn()
		}
	}
	r.upstream.close()
	for _, m := range r.managers {
		testkit.NoError(r.t, m.Close(context.Background()))
	}
	for _, t := range r.tabs {
		if t.done != nil {
			<-t.done
		}
	}
}

// replayTrace carries out the steps of a trace, one a line, and compares the effects
// of each: "step arguments -> effect -> effect". It returns the effects that it has seen.
func replayTrace(t *testing.T, policy reusePolicy, trace []string) (seen []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newReplay(t, policy)
		defer r.close()
		for n, line := range trace {
			parts := strings.Split(line, " -> ")
			step := strings.Fields(parts[0])
			arguments := make([]int, 2)
			for i, argument := range step[1:] {
				arguments[i] = testkit.Must(strconv.Atoi(argument))
			}
			r.step(step[0], arguments[0], arguments[1])
			want, got := wantEffects(parts[1:]), r.effects()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("after line %d of the trace (-want +got):\n%s\n%s", n+1, diff, strings.Join(trace[:n+1], "\n"))
				return
			}
			seen = append(seen, step[0])
			seen = append(seen, got...)
		}
	})
	return seen
}

// wantEffects converts the effects of the model into those of [replay.effects].
func wantEffects(effects []string) (want []string) {
	for _, effect := range effects {
		var token, marker int
		if _, err := fmt.Sscanf(effect, "jar %d %d", &token, &marker); err == nil {
			text := "an invalid marker"
			switch marker {
			case 0:
				text = "no marker"
			case token:
				text = "a valid marker"
			}
			effect = fmt.Sprintf("jar %d with %s", token, text)
		}
		if !strings.HasPrefix(effect, "result ") { // upstream's, which the stub decides likewise
			want = append(want, strings.TrimSpace(effect))
		}
	}
	slices.SortStableFunc(want, func(a, b string) int { return strings.Compare(tabOf(a), tabOf(b)) })
	return want
}

// tabOf returns the part of an effect that orders it: tabs first, by their numbers.
func tabOf(effect string) string {
	if strings.HasPrefix(effect, "tab ") {
		return effect[:len("tab 0")]
	}
	return "~"
}

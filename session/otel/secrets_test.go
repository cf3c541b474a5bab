package otelsession_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	otelsession "github.com/crossmint-go/auth/session/otel"
)

// exported returns all spans and all metrics as strings, in two formats each. The
// first shows every field.
func (w *world) exported() (spans, metrics string) {
	w.t.Helper()
	stubs := tracetest.SpanStubsFromReadOnlySpans(w.spans.Ended())
	for _, stub := range stubs {
		spans += fmt.Sprintf("%+v\n%s\n", stub, asJSON(w.t, stub.Attributes))
	}
	var all metricdata.ResourceMetrics
	must(w.t, w.reader.Collect(w.t.Context(), &all))
	return spans, fmt.Sprintf("%+v\n%s\n", all, asJSON(w.t, all))
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return text
}

// secrets are the strings that must not be exported, by a description.
type secrets struct {
	sync.Mutex
	all map[string]string
}

func (s *secrets) add(name, secret string) {
	s.Lock()
	defer s.Unlock()
	s.all[fmt.Sprintf("%s %d", name, len(s.all))] = secret
}

func (s *secrets) addGrant(g session.Grant) {
	s.add("JWT", g.JWT.Reveal())
	s.add("signature", g.JWT.Reveal()[strings.LastIndexByte(g.JWT.Reveal(), '.')+1:])
	s.add("refresh token", g.RefreshToken.Secret.Reveal())
	s.add("user ID", g.User.ID)
	s.add("e-mail address", g.User.Email)
}

// in returns the names of the secrets that text holds.
func (s *secrets) in(text string) (names []string) {
	s.Lock()
	defer s.Unlock()
	for name, secret := range s.all {
		if secret != "" && strings.Contains(text, secret) {
			names = append(names, name)
		}
	}
	return names
}

// live makes all spans and metrics that there are, and returns the secrets that
// took part.
func (w *world) live() *secrets {
	ctx, found := w.t.Context(), &secrets{all: map[string]string{}}
	w.observe()
	w.warmUp()
	found.add("API key", w.fake.APIKey())
	faults := []crossminttest.Fault{
		{}, refusing(), crossminttest.Status(503, "", "{}"), crossminttest.Status(403, "", "{}"), crossminttest.Hang(), crossminttest.Truncate(),
		crossminttest.Reset(), crossminttest.Edit(func(a map[string]any) { a["user"] = "canary-of-upstream" }),
	}
	found.add("upstream's text", "canary-of-upstream")
	for i, fault := range faults {
		g := w.fake.ExpiredGrant(w.fake.NewUser(fmt.Sprintf("canary%d@example.com", i)))
		found.addGrant(g)
		w.fake.Fail(crossminttest.Refresh, fault)
		_ = w.visit(ctx, material(g))
		result, err := w.Refresh(ctx, material(g), session.Secret{})
		if err == nil && result.Renewed != nil {
			found.addGrant(*result.Renewed.Grant)
		}
		_ = w.Logout(ctx, material(g), session.Secret{})
	}
	forged := w.fake.ForgedJWT(w.fake.NewUser("canary@example.com"))
	found.add("forged JWT", forged)
	_ = w.visit(ctx, session.Material{JWT: session.NewSecret(forged), RefreshToken: session.NewSecret("canary-forged")})
	found.add("forged refresh token", "canary-forged")
	w.fake.Fail(crossminttest.Refresh, refusing())
	dead := w.fake.ExpiredGrant(w.fake.NewUser("canary-dead@example.com"))
	found.addGrant(dead)
	_ = w.visit(ctx, refusedBefore(material(dead)))
	w.liveElsewhere(found)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		found.add("fingerprint", e.Token)
		if e.Err != nil {
			found.add("error", e.Err.Error())
		}
	}
	return found
}

// liveElsewhere makes the calls that the session manager does not make.
func (w *world) liveElsewhere(found *secrets) {
	user := w.fake.NewUser("canary@example.com")
	found.add("user ID", user.ID)
	_, err := w.client.User(w.t.Context(), user.ID)
	must(w.t, err)
	emailID, err := w.client.SendEmailOTP(w.t.Context(), user.Email)
	must(w.t, err)
	found.add("e-mail's ID", emailID)
	code := w.fake.Code(user.Email)
	secret, err := w.client.ConfirmEmailOTP(w.t.Context(), user.Email, emailID, code)
	must(w.t, err)
	found.add("one-time secret", secret.Reveal())
	found.add("code in a query", "token="+code)
	found.add("e-mail address in a query", "canary%40example.com")
	_, err = w.Refresh(w.t.Context(), session.Material{}, secret)
	must(w.t, err)
}

func TestNoSecretIsExported(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		found := w.live()
		spans, metrics := w.exported()
		for _, part := range []string{"crossmint logout", "session authenticate", "GET", "unavailable", "asked_again", "signed_out", "incomplete"} {
			if !strings.Contains(spans, part) {
				t.Errorf("no span has %q: the test covers too little", part)
			}
		}
		if names := found.in(spans); names != nil {
			t.Errorf("spans hold %q", names)
		}
		if names := found.in(metrics); names != nil {
			t.Errorf("metrics hold %q", names)
		}
	})
}

// This also shows that the test above finds secrets. The setting exports nothing
// but the user ID, and only in spans.
func TestUserIDIsInSpansOnDemandOnly(t *testing.T) {
	in(t, otelsession.Config{DangerouslyRecordUserID: true}, func(t *testing.T, w *world) {
		found := w.live()
		spans, metrics := w.exported()
		kinds := map[string]bool{}
		for _, name := range found.in(spans) {
			kinds[strings.TrimRight(name, " 0123456789")] = true
		}
		if diff := cmp.Diff(map[string]bool{"user ID": true}, kinds); diff != "" {
			t.Errorf("what spans hold (-want +got):\n%s", diff)
		}
		if names := found.in(metrics); names != nil {
			t.Errorf("metrics hold %q", names)
		}
	})
}

// Dashboards and the cost of metrics depend on it.
func TestAttributesOfMetricsAreFew(t *testing.T) {
	in(t, otelsession.Config{DangerouslyRecordUserID: true}, func(t *testing.T, w *world) {
		w.live()
		got := map[string]bool{}
		for _, m := range w.metrics() {
			for _, key := range keys(m) {
				got[key] = true
			}
		}
		want := map[string]bool{
			"crossmint.outcome": true, "crossmint.operation": true, "crossmint.shared": true,
			"crossmint.upstream.status_class": true, "crossmint.upstream.result": true,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("attributes (-want +got):\n%s", diff)
		}
	})
}

func keys(m metricdata.Metrics) (keys []string) {
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, point := range data.DataPoints {
			keys = append(keys, keysOf(point.Attributes)...)
		}
	case metricdata.Histogram[float64]:
		for _, point := range data.DataPoints {
			keys = append(keys, keysOf(point.Attributes)...)
		}
	}
	return keys
}

// recording remembers the names of the header fields that were sent.
type recording struct {
	next  http.RoundTripper
	names map[string]bool
}

func (r recording) RoundTrip(req *http.Request) (*http.Response, error) {
	for name := range req.Header {
		r.names[name] = true
	}
	return r.next.RoundTrip(req)
}

func TestUpstreamSeesNoTraceContext(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		seen := recording{w.fake.Transport(), map[string]bool{}}
		ctx, span := w.tracer.Start(t.Context(), "GET /me")
		defer span.End()
		r, err := http.NewRequestWithContext(ctx, "GET", w.client.JWKSURL(), nil)
		must(t, err)
		res, err := w.telemetry.Transport(seen).RoundTrip(r)
		must(t, err)
		must(t, res.Body.Close())
		if diff := cmp.Diff(map[string]bool{}, seen.names); diff != "" {
			t.Errorf("header fields (-want +got):\n%s", diff)
		}
	})
}

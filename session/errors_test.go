package session_test

import (
	"errors"
	"testing"

	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

func TestErrorSentinels(t *testing.T) {
	sentinels := []struct {
		name string
		err  error
	}{
		{name: "refused", err: session.ErrRefused},
		{name: "unavailable", err: session.ErrUnavailable},
		{name: "malformed", err: session.ErrMalformed},
		{name: "expired", err: session.ErrJWTExpired},
		{name: "key unknown", err: session.ErrJWTKeyUnknown},
	}
	tests := []struct {
		name string
		err  error
		want []string
	}{
		{name: "a refusal", err: &session.UpstreamError{Kind: session.ErrRefused}, want: []string{"refused"}},
		{name: "an outage", err: &session.UpstreamError{Kind: session.ErrUnavailable}, want: []string{"unavailable"}},
		{name: "no kind", err: &session.UpstreamError{}, want: []string{"unavailable"}},
		{name: "a malformed response", err: &session.UpstreamError{Kind: session.ErrMalformed}, want: []string{"unavailable", "malformed"}},
		{
			name: "the cause of an upstream error",
			err:  &session.UpstreamError{Kind: session.ErrMalformed, Err: session.ErrJWTKeyUnknown},
			want: []string{"unavailable", "malformed", "key unknown"},
		},
		{name: "an expired JWT", err: &session.AuthenticationError{Err: session.ErrJWTExpired}, want: []string{"expired"}},
		{name: "a rejection without a cause", err: &session.AuthenticationError{Message: "no"}},
	}
	for _, test := range tests {
		var got []string
		for _, sentinel := range sentinels {
			if errors.Is(test.err, sentinel.err) {
				got = append(got, sentinel.name)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	cause := errors.New("cause")
	tests := []struct {
		err  error
		want string
	}{
		{err: &session.AuthenticationError{Message: "Session is not valid"}, want: "session: Session is not valid"},
		{err: &session.AuthenticationError{Message: "x", Err: cause}, want: "session: not authenticated: cause"},
		{err: &session.UpstreamError{}, want: "session: upstream: unavailable"},
		{
			err:  &session.UpstreamError{Kind: session.ErrRefused, Op: "refresh", Status: 401, Err: cause},
			want: "session: upstream refresh: refused by upstream (status 401): cause",
		},
	}
	for _, test := range tests {
		if got := test.err.Error(); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

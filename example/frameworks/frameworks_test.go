package main

import (
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
	"go.uber.org/goleak"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/example/frameworks/connect"
	"github.com/crossmint-go/auth/example/frameworks/internal/journey"
	"github.com/crossmint-go/auth/session"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode) // prints nothing
	goleak.VerifyTestMain(m)
}

// TestFrameworks takes the same visitors through every framework.
func TestFrameworks(t *testing.T) {
	me, stream := journey.Get("/me"), journey.Get("/stream")
	frameworks := []journey.Framework{
		{Name: "servemux", Me: me, Stream: stream, Slow: journey.Get("/slow")},
		{Name: "chi", Me: me, Stream: stream},
		{Name: "gorilla", Me: me, Stream: stream},
		{Name: "gin", Me: me, Stream: stream},
		{Name: "echo", Me: me, Stream: stream},
		{Name: "huma", Me: me, Stream: stream},
		{Name: "connect", Me: callConnect, Stream: streamConnect},
	}
	for _, f := range frameworks {
		f.New = func(_ testing.TB, sessions *session.Manager, cookies *cookie.Codec) http.Handler {
			return examples[f.Name].new(sessions, cookies)
		}
		journey.Run(t, f)
	}
}

func callConnect(v *journey.Traveller) *http.Request {
	return v.Request(v, http.MethodPost, connect.MeProcedure, "{}")
}

// streamConnect sends {} in an envelope: flags, and the length in four bytes.
func streamConnect(v *journey.Traveller) *http.Request {
	r := v.Request(v, http.MethodPost, connect.StreamProcedure, "\x00\x00\x00\x00\x02{}")
	r.Header.Set("Content-Type", "application/connect+json")
	return r
}

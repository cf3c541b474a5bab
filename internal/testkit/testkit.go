// Package testkit holds the small helpers that the tests of this module share:
// errors that end a test, loggers, recorded events, names for outcomes, and a
// [Kit] that wires a session.Manager to a fake Crossmint. Only tests import it.
package testkit

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"testing"
)

// NoError ends the test if err is not nil.
func NoError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Must returns v. It panics if err is not nil, so it suits tables and package
// variables, and every call that a test does not expect to fail.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// DiscardLogger returns a logger that writes nothing.
func DiscardLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }

// FailLogger returns a logger that makes the test fail with each record at Warn
// or above.
func FailLogger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(failWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

type failWriter struct{ t testing.TB }

func (w failWriter) Write(line []byte) (int, error) {
	w.t.Errorf("logged: %s", bytes.TrimSpace(line))
	return len(line), nil
}

// Formats returns v in every form in which a program may print it: with the
// verbs of fmt, as JSON and XML, and in the logs of log/slog. A test searches the
// result for secrets.
func Formats(v any) string {
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		_, _ = fmt.Fprintf(&out, verb+"\n", v)
	}
	if text, err := json.Marshal(v); err == nil {
		out.Write(text)
	}
	if text, err := xml.Marshal(v); err == nil {
		out.Write(text)
	}
	debug := &slog.HandlerOptions{Level: slog.LevelDebug}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, debug), slog.NewJSONHandler(&out, debug)} {
		slog.New(handler).Debug("formats", "value", v)
	}
	return out.String()
}

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/internal/clock"
	"github.com/crossmint-go/auth/crossmint/internal/verify"
	"github.com/crossmint-go/auth/session"
)

// maxInputBytes is above the longest JWT that is accepted.
const maxInputBytes = 64 << 10

// A report counts the findings and writes one line for each check.
type report struct {
	out      io.Writer
	findings int
}

func (r *report) ok(subject, format string, args ...any) { r.line("ok", subject, format, args) }

func (r *report) note(subject, format string, args ...any) { r.line("note", subject, format, args) }

func (r *report) finding(subject, format string, args ...any) {
	r.findings++
	r.line("WRONG", subject, format, args)
}

func (r *report) line(result, subject, format string, args []any) {
	fmt.Fprintf(r.out, "%-6s %-8s %s\n", result, subject, fmt.Sprintf(format, args...))
}

// examine makes all checks and returns the number of findings. A nil jwt checks no
// JWT.
func examine(ctx context.Context, config crossmint.Config, jwt io.Reader, out io.Writer) int {
	r := &report{out: out}
	recorder := &recorder{next: crossmint.NewTransport()}
	if config.HTTPClient != nil {
		recorder.next = config.HTTPClient.Transport
	}
	config.HTTPClient = &http.Client{Transport: recorder}
	config.Logger = slog.New(slog.DiscardHandler) // the report has its own words
	client, err := crossmint.NewClient(config)
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			r.finding("config", "%s", strings.TrimSpace(line))
		}
		return r.findings
	}
	defer client.Close()
	r.ok("API key", "environment %s, project %s", client.Environment(), client.ProjectID())
	r.note("API key", "whether upstream accepts it is not checked: the event api_key_rejected tells")
	r.checkKeys(ctx, client, recorder)
	r.checkClock(recorder)
	if jwt != nil {
		audience := cmp.Or(config.Audience, client.ProjectID())
		r.checkJWT(ctx, client, audience, jwt)
	}
	return r.findings
}

// checkKeys fetches the key set.
func (r *report) checkKeys(ctx context.Context, client *crossmint.Client, recorder *recorder) {
	if err := client.Preload(ctx); err != nil {
		r.finding("key set", "%v", err)
		return
	}
	set, err := verify.ParseKeySet(recorder.body.Bytes())
	if err != nil {
		r.finding("key set", "%v", err)
		return
	}
	r.ok("key set", "%s: %s", client.JWKSURL(), strings.Join(set.Describe(), "; "))
	for _, warning := range set.Warnings {
		r.finding("key set", "%s", warning)
	}
}

func (r *report) checkClock(recorder *recorder) {
	reading, ok := clock.Read(recorder.header, recorder.received)
	switch {
	case !ok:
		r.note("clock", "not checked: there is no response with a Date")
	case reading.IsWrong(recorder.took):
		r.finding("clock", "%v", reading)
	default:
		r.ok("clock", "at most %v from upstream's", clock.MaxSkew)
	}
}

// checkJWT reads one line and says how a request with this JWT ends.
func (r *report) checkJWT(ctx context.Context, client *crossmint.Client, audience string, in io.Reader) {
	line, err := bufio.NewReader(io.LimitReader(in, maxInputBytes)).ReadString('\n')
	jwt := strings.TrimSpace(line)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		r.finding("JWT", "standard input cannot be read: %v", err)
		return
	case jwt == "":
		r.finding("JWT", "standard input has no JWT in its first line")
		return
	case strings.ContainsAny(jwt, " =;,\"'"):
		r.finding("JWT", "the line has more than a JWT: give only the value, without a name, quotation marks, or the word Bearer")
		return
	}
	now := time.Now()
	token, err := client.Verify(ctx, jwt, now)
	if err == nil {
		r.ok("JWT", "accepted: user %q, for %v, until %s", token.UserID, token.ExpiresAt.Sub(now).Round(time.Second), token.ExpiresAt.UTC().Format(time.RFC3339))
		return
	}
	r.finding("JWT", "%s", refusal(err, token, audience, now))
}

// refusal says why a JWT is refused, and what to do.
func refusal(err error, token *session.Token, audience string, now time.Time) string {
	switch {
	case errors.Is(err, session.ErrJWTExpired):
		return fmt.Sprintf("refused: it expired %v ago, at %s; the signature is correct (user %q); a request with its refresh token renews the session",
			now.Sub(token.ExpiresAt).Round(time.Second), token.ExpiresAt.UTC().Format(time.RFC3339), token.UserID)
	case errors.Is(err, session.ErrOtherProject):
		return fmt.Sprintf("refused: %v; sign in with a client key of project %q, or use the API key of the JWT's project", err, audience)
	case errors.Is(err, session.ErrJWTKeyUnknown):
		return fmt.Sprintf("refused: %v; it may come from another environment, or upstream has withdrawn the key", err)
	case errors.Is(err, session.ErrUnavailable):
		return fmt.Sprintf("no decision (a request gets 503): %v", err)
	default:
		return fmt.Sprintf("refused: %v", err)
	}
}

// A recorder keeps the last response that passes it. Fetches of the client do not
// overlap.
type recorder struct {
	next     http.RoundTripper
	header   http.Header
	body     bytes.Buffer
	received time.Time
	took     time.Duration
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := time.Now()
	res, err := r.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	r.header, r.received = res.Header, time.Now()
	r.took = r.received.Sub(sent)
	r.body.Reset()
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(res.Body, &r.body), res.Body}
	return res, nil
}

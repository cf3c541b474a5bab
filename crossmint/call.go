package crossmint

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync/atomic"

	"github.com/crossmint-go/auth/session"
)

// apiPrefix is the version of the API that this package speaks; authPrefix is
// where its session endpoints live.
const (
	apiPrefix  = "/api/2024-09-26"
	authPrefix = apiPrefix + "/session/sdk/auth"
)

// maxAnswerBytes bounds an answer after decompression. Real ones have a few
// kilobytes.
const maxAnswerBytes = 1 << 20

// request is one call to upstream.
type request struct {
	op      string // for errors
	method  string
	url     string
	body    []byte // JSON, or nil
	keyless bool   // sent without the API key and the client's name
	route   bool   // to another server's refresh route
}

// answer is what came back, read to its end.
type answer struct {
	status     int
	retryAfter string
	body       []byte
	clears     bool // expires cookies
}

// call sends r, once, and returns the body of a 2xx answer. Every other
// ending is classified by [classify].
func (c *Client) call(ctx context.Context, r request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	var progress progress
	a, err := c.exchange(httptrace.WithClientTrace(ctx, progress.trace()), r)
	if failure := classify(a, err, progress.delivery(err)); failure != nil {
		failure.Op = r.op
		// A refresh route that refuses and leaves the cookies is in doubt.
		failure.Doubtful = failure.Kind == session.Refused && r.route && !a.clears
		c.explain(failure)
		return nil, failure
	}
	return a.body, nil
}

func (c *Client) exchange(ctx context.Context, r request) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", "application/json")
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if !r.keyless {
		c.identify(req.Header)
	}
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return answer{}, plainError(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
		return answer{}, plainError(err)
	case len(body) > maxAnswerBytes:
		return answer{}, errOversize
	}
	clears := slices.ContainsFunc(res.Cookies(), func(c *http.Cookie) bool { return c.MaxAge < 0 })
	return answer{res.StatusCode, res.Header.Get("Retry-After"), body, clears}, nil
}

// identify sets the headers that every call of the API carries.
func (c *Client) identify(h http.Header) {
	h.Set("Content-Type", "application/json")
	h.Set("x-api-key", c.key.text.Reveal())
	h.Set("x-client-name", clientName)
	h.Set("x-client-version", Version)
	if c.config.AppID != "" {
		h.Set("x-app-identifier", c.config.AppID)
	}
	if c.config.ExtensionID != "" {
		h.Set("x-extension-id", c.config.ExtensionID)
	}
}

// fetchKeys gets the key set. The fetch carries no API key.
func (c *Client) fetchKeys(ctx context.Context) ([]byte, error) {
	return c.call(ctx, request{op: "keys", method: http.MethodGet, url: c.JWKSURL(), keyless: true})
}

// explain adds what a programmer needs to know to a call that got nowhere.
func (c *Client) explain(failure *session.UpstreamError) {
	if failure.Delivery == session.NotSent && c.config.BaseURL == Development.baseURL() {
		failure.Err = fmt.Errorf("%w (%s is the default base URL of a development API key; set Config.BaseURL if upstream is elsewhere)",
			failure.Err, c.config.BaseURL)
	}
}

// plainError reduces an error of net/http's to what this side knows. Its text
// may repeat the URL, which holds what belongs to a user, or a line of
// upstream's answer, which holds anything.
func plainError(err error) error {
	var urlError *url.Error
	if errors.As(err, &urlError) {
		err = urlError.Err
	}
	for _, known := range []error{context.DeadlineExceeded, context.Canceled, io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, known) {
			return known
		}
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return certificateError(certificate.Err)
	}
	// The network's own errors name addresses and causes of this machine.
	if network := net.Error(nil); errors.As(err, &network) {
		return network
	}
	return errTransport
}

// certificateError leaves out the names that upstream's certificate holds.
func certificateError(err error) error {
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &x509.UnknownAuthorityError{}):
		return errors.New("TLS certificate is signed by an unknown authority")
	case errors.As(err, &x509.HostnameError{}):
		return errors.New("TLS certificate is for another host")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return errors.New("TLS certificate has expired or is not yet valid")
	}
	return errors.New("TLS certificate is not valid")
}

// progress watches how far a call gets.
type progress struct{ dialing, connected atomic.Bool }

func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { p.dialing.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { p.connected.Store(true) },
	}
}

// delivery says how far a call got that ended in err. It takes a call for not
// sent only on evidence: a transport that does not report its progress may
// have sent it.
func (p *progress) delivery(err error) session.Delivery {
	switch {
	case err == nil, errors.Is(err, errOversize):
		return session.Answered
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return session.TimedOut
	case p.dialing.Load() && !p.connected.Load():
		return session.NotSent
	default:
		return session.CutOff
	}
}

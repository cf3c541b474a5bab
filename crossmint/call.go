package crossmint

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/session"
)

// apiPrefix names the version of the API that this package uses. authPrefix is
// the path of its session endpoints.
const (
	apiPrefix  = "/api/2024-09-26"
	authPrefix = apiPrefix + "/session/sdk/auth"
)

// maxResponseBytes bounds a response after decompression. Real ones have a few
// kilobytes.
const maxResponseBytes = 1 << 20

// request is one call to upstream.
type request struct {
	op       string // for errors
	method   string
	url      string
	body     map[string]string // sent as JSON, unless nil
	noAPIKey bool              // omits the headers that identify this client
}

// response is a complete response of upstream.
type response struct {
	status     int
	retryAfter string
	body       []byte
}

// call sends r once and returns the body of a 2xx response. It classifies every
// other result with [classify].
func (c *Client) call(ctx context.Context, r request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	var progress progress
	res, err := c.send(httptrace.WithClientTrace(ctx, progress.trace()), r)
	if failure := classify(res, err); failure != nil {
		failure.Op = r.op
		failure.NotSent, failure.Incomplete = progress.result(err)
		failure.APIKeyRejected = failure.APIKeyRejected && !r.noAPIKey
		c.addHint(failure, r)
		return nil, failure
	}
	return res.body, nil
}

func (c *Client) send(ctx context.Context, r request) (response, error) {
	var body []byte
	if r.body != nil {
		body, _ = json.Marshal(r.body) // a map of strings always marshals
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(body))
	if err != nil {
		return response{}, err
	}
	req.Header.Set("Accept", "application/json")
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if !r.noAPIKey {
		c.setHeaders(req.Header)
	}
	sent := time.Now()
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return response{}, safeError(err)
	}
	c.clock.observe(res.Header, sent)
	defer func() { _ = res.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(res.Body, maxResponseBytes+1))
	switch {
	case len(body) > maxResponseBytes:
		return response{}, errOversize
	case err != nil && !(isSuccess(res.StatusCode) && isObject(body)):
		return response{}, safeError(err)
	}
	// Upstream has used the token of a call that it has accepted. So a whole object counts
	// even if the end of its message is missing: another try would be refused.
	return response{res.StatusCode, res.Header.Get("Retry-After"), body}, nil
}

// setHeaders sets the headers that every call of the API has.
func (c *Client) setHeaders(h http.Header) {
	h.Set("Content-Type", "application/json")
	h.Set("x-api-key", c.config.APIKey.Reveal())
	h.Set("x-client-name", clientName)
	h.Set("x-client-version", version)
	if c.config.AppID != "" {
		h.Set("x-app-identifier", c.config.AppID)
	}
	if c.config.ExtensionID != "" {
		h.Set("x-extension-id", c.config.ExtensionID)
	}
}

// fetchKeys gets the key set. The request carries no API key.
func (c *Client) fetchKeys(ctx context.Context) ([]byte, error) {
	return c.call(ctx, request{op: "keys", method: http.MethodGet, url: c.JWKSURL(), noAPIKey: true})
}

// addHint names the URL of upstream where a failure suggests that it is wrong:
// upstream cannot be reached, or a router in front of it has responded.
func (c *Client) addHint(failure *session.UpstreamError, r request) {
	isRedirect := failure.Status >= 300 && failure.Status <= 399
	base, field := c.config.BaseURL, "BaseURL"
	if r.url == c.config.RefreshRoute {
		base, field = c.config.RefreshRoute, "RefreshRoute"
	}
	switch {
	case failure.NotSent && base == environments[Development].baseURL:
		failure.Err = fmt.Errorf("%w (%s is the default base URL of a development API key; set Config.BaseURL if upstream is elsewhere)", failure.Err, base)
	case failure.NotSent, failure.Uncertain, isRedirect, errors.Is(failure.Err, errNotJSON):
		hint := fmt.Sprintf("is Config.%s right? It is %s", field, base)
		if failure.Err == nil {
			failure.Err = errors.New(hint)
			return
		}
		failure.Err = fmt.Errorf("%w; %s", failure.Err, hint)
	}
}

// safeError replaces an error of net/http by one without text from upstream. The
// original may repeat the URL, which holds user data, or a line of the response.
func safeError(err error) error {
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
	// The errors of the network itself hold only addresses and local causes.
	if network := net.Error(nil); errors.As(err, &network) {
		return network
	}
	return errTransport
}

// certificateError leaves out the names in upstream's certificate.
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

// progress records how far a call gets.
type progress struct{ dialing, connected atomic.Bool }

func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { p.dialing.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { p.connected.Store(true) },
	}
}

// result classifies the error of a call. A timeout is neither not sent nor
// incomplete. A transport that does not report its progress may have sent the
// request.
func (p *progress) result(err error) (notSent, incomplete bool) {
	switch {
	case err == nil, errors.Is(err, errOversize), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return false, false
	case p.dialing.Load() && !p.connected.Load():
		return true, false
	default:
		return false, true
	}
}

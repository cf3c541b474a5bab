package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// wire is the connection between the subject and upstream. It makes some
// connections fail, and tells the oracle which responses are delivered in full
// and which sessions are logged out.
type wire struct {
	next   http.RoundTripper
	fake   *crossminttest.Server
	faults *faults
	oracle *oracle
	// backend reports that the subject is behind a reverse proxy.
	backend bool
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/refresh"):
		return w.refresh(r)
	case strings.HasSuffix(r.URL.Path, "/logout"):
		return w.logout(r)
	}
	return w.next.RoundTrip(r)
}

func (w *wire) refresh(r *http.Request) (*http.Response, error) {
	r, presented, err := peek(r)
	if err != nil {
		return nil, err
	}
	w.oracle.exchanging(w.fake, presented, w.backend)
	if err := w.faults.dial(); err != nil {
		return nil, dialError(r.Context(), r.URL.Host, err)
	}
	res, err := w.next.RoundTrip(r)
	if err == nil && res.StatusCode == http.StatusOK {
		res.Body = &delivery{ReadCloser: res.Body, done: func(body []byte) { w.oracle.exchanged(presented, body) }}
	}
	return res, err
}

func (w *wire) logout(r *http.Request) (*http.Response, error) {
	r, presented, err := peek(r)
	if err != nil {
		return nil, err
	}
	w.oracle.revoking(w.fake, presented)
	res, err := w.next.RoundTrip(r)
	if err != nil || res.StatusCode != http.StatusOK {
		w.oracle.notRevoked(presented)
	}
	return res, err
}

// peek returns the refresh token that r sends, and a request that still sends
// it.
func peek(r *http.Request) (*http.Request, string, error) {
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, "", err
	}
	var sent struct{ Refresh string }
	_ = json.Unmarshal(body, &sent)
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r, sent.Refresh, nil
}

// dialError reports that nothing was sent, as net/http does.
func dialError(ctx context.Context, host string, err error) error {
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.GetConn != nil {
		trace.GetConn(host)
	}
	return err
}

// delivery is a body that calls done once it has been read to its end.
type delivery struct {
	io.ReadCloser
	read bytes.Buffer
	done func(body []byte)
}

func (d *delivery) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	d.read.Write(p[:n])
	if err == io.EOF {
		d.done(d.read.Bytes())
	}
	return n, err
}

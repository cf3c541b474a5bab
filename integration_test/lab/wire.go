package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
)

// wire is the connection between the subject and upstream. It makes some
// connections fail, and tells the oracle what is delivered in full and who is
// logged out.
type wire struct {
	next   http.RoundTripper
	faults *faults
	oracle *oracle
}

func traceOf(ctx context.Context) *httptrace.ClientTrace { return httptrace.ContextClientTrace(ctx) }

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
	if err := w.faults.dial(); err != nil {
		_ = r.Body.Close()
		return nil, dialError(r.Context(), r.URL.Host, err)
	}
	res, err := w.next.RoundTrip(r)
	if err == nil && res.StatusCode == http.StatusOK {
		res.Body = &delivery{ReadCloser: res.Body, oracle: w.oracle}
	}
	return res, err
}

func (w *wire) logout(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, err
	}
	var sent struct{ Refresh string }
	_ = json.Unmarshal(body, &sent)
	w.oracle.revoking(sent.Refresh)
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return w.next.RoundTrip(r)
}

// delivery is a body that tells the oracle when it has been read to its end.
type delivery struct {
	io.ReadCloser
	oracle *oracle
	read   bytes.Buffer
}

func (d *delivery) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	d.read.Write(p[:n])
	if err == io.EOF {
		d.oracle.answered(d.read.Bytes())
	}
	return n, err
}

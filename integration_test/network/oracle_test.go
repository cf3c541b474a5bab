package network_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// oracle knows which refresh tokens were delivered, and judges whether those
// who are signed out had to be. It sits between the client under test and its
// sockets, and follows the rules of the fault laboratory's oracle.
type oracle struct {
	fake *crossminttest.Server
	next http.RoundTripper

	mu     sync.Mutex // guards all below
	newest map[string]string
	owner  map[string]string // of a token
	counts counts
	faults []string
}

// counts are the answers that browsers got.
type counts struct {
	Served, Renewed, Undecided, SignedOut int
	// Stranded is those whose answer was lost on the way, and who came back
	// too late with the token of before: 401, cookies kept.
	Stranded int
}

// enough reports whether there was weather of every kind.
func (o *oracle) enough() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.counts.Served > 0 && o.counts.Renewed > 0 && o.counts.Undecided+o.counts.SignedOut > 0
}

func newOracle(next http.RoundTripper) *oracle {
	return &oracle{next: next, newest: map[string]string{}, owner: map[string]string{}}
}

func (o *oracle) signedIn(id, token string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.newest[id], o.owner[token] = token, id
}

// answered judges what a browser got, and reports whether it is still signed
// in.
func (o *oracle) answered(id, presented string, got reply) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch got {
	case served:
		o.counts.Served++
	case renewed:
		o.counts.Renewed++
	case undecided:
		o.counts.Undecided++
	case signedOut:
		o.counts.SignedOut++
		if o.fake.Live(o.newest[id]) {
			o.faults = append(o.faults, fmt.Sprintf("%s: signed out, and the newest token lives", id))
		}
		return false
	case stranded:
		o.counts.Stranded++
		if o.fake.Live(presented) {
			o.faults = append(o.faults, fmt.Sprintf("%s: turned away, and the token lives", id))
		}
		return false
	default:
		o.faults = append(o.faults, fmt.Sprintf("%s: %+v", id, got))
		return false
	}
	return true
}

// delivered notes the answer to a refresh that was read to its end.
func (o *oracle) delivered(presented string, body []byte) {
	var answer struct{ Refresh struct{ Secret string } }
	if json.Unmarshal(body, &answer) != nil || answer.Refresh.Secret == "" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if id, ok := o.owner[presented]; ok {
		o.newest[id], o.owner[answer.Refresh.Secret] = answer.Refresh.Secret, id
	}
}

// RoundTrip implements http.RoundTripper.
func (o *oracle) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/refresh") {
		return o.next.RoundTrip(r)
	}
	var sent struct{ Refresh string }
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, err
	}
	_ = json.Unmarshal(body, &sent)
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	res, err := o.next.RoundTrip(r)
	if err == nil {
		res.Body = &delivery{ReadCloser: res.Body, oracle: o, presented: sent.Refresh}
	}
	return res, err
}

// CloseIdleConnections lets the client under test clean up.
func (o *oracle) CloseIdleConnections() {
	o.next.(interface{ CloseIdleConnections() }).CloseIdleConnections()
}

// delivery is a body that tells when it has been read to its end.
type delivery struct {
	io.ReadCloser
	oracle    *oracle
	presented string
	read      bytes.Buffer
}

func (d *delivery) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	d.read.Write(p[:n])
	if err == io.EOF {
		d.oracle.delivered(d.presented, d.read.Bytes())
	}
	return n, err
}

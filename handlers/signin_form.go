package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/crossmint-go/auth/internal/reply"
)

const (
	formType = "application/x-www-form-urlencoded"

	// maxReturnToBytes keeps the Location header within the limits of browsers
	// and proxies.
	maxReturnToBytes = 2048
)

// A form holds the fields of a sign-in form. Every field may be missing.
type form struct {
	email, code      string
	provider, secret string // of OAuth
	wallet           wallet
	signature        string
	returnTo         string // a path on this host, or ""
}

// formMessages are the public messages where they differ from those of Refresh.
var formMessages = map[int]string{
	http.StatusBadRequest:           "The body must be a form with each field once at the most",
	http.StatusUnsupportedMediaType: "The body must be " + formType + ", without Content-Encoding",
}

// readForm checks the request and reads its form. If it returns false, it has
// written the response. It makes every response uncacheable.
func (s *SignIn) readForm(w http.ResponseWriter, r *http.Request) (form, bool) {
	w.Header().Set("Cache-Control", "no-store")
	if !s.checkRequest(w, r) {
		return form{}, false
	}
	if reply.IsEarlyData(r) { // a replay could use the code on another instance
		s.writeStatus(w, r, &requestError{http.StatusTooEarly, errEarlyData})
		return form{}, false
	}
	values, requestErr := readValues(w, r)
	if requestErr == nil {
		return newForm(values), true
	}
	message, ok := formMessages[requestErr.status]
	if !ok {
		s.writeStatus(w, r, requestErr)
		return form{}, false
	}
	s.reportInvalid(r, requestErr)
	reply.JSON(w, requestErr.status, reply.Body{Error: http.StatusText(requestErr.status), Message: message})
	return form{}, false
}

var errForm = errors.New("body is not a form, or has a duplicate field")

func readValues(w http.ResponseWriter, r *http.Request) (url.Values, *requestError) {
	if r.Header.Get("Content-Encoding") != "" || !hasMediaType(r, formType) {
		return nil, &requestError{http.StatusUnsupportedMediaType, fmt.Errorf("body of type %+.200q", r.Header.Get("Content-Type"))}
	}
	body, requestErr := readForm(w, r)
	if requestErr != nil {
		return nil, requestErr
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, &requestError{http.StatusBadRequest, errForm} // url's error quotes the body
	}
	for _, value := range values {
		if len(value) > 1 { // ambiguous: several values of one field
			return nil, &requestError{http.StatusBadRequest, errForm}
		}
	}
	return values, nil
}

// readForm returns the body of a form. A layer around the handler may have read and
// parsed it, for example to look for a token against cross-site requests.
func readForm(w http.ResponseWriter, r *http.Request) ([]byte, *requestError) {
	if r.PostForm == nil {
		return readBody(w, r)
	}
	body := []byte(r.PostForm.Encode())
	if len(body) > maxBodyBytes {
		return nil, &requestError{http.StatusRequestEntityTooLarge, &http.MaxBytesError{Limit: maxBodyBytes}}
	}
	return body, nil
}

// newForm normalizes the values that users type or paste.
func newForm(values url.Values) form {
	return form{
		email:     normalizeAddress(values.Get("email")),
		code:      normalizeCode(values.Get("code")),
		provider:  values.Get("provider"),
		secret:    values.Get("secret"),
		wallet:    wallet{values.Get("address"), values.Get("type")},
		signature: values.Get("signature"),
		returnTo:  parseReturnTo(values.Get("return_to")),
	}
}

// parseReturnTo returns a path on this host, byte for byte, or "" for untrusted input. It
// may have a fragment, which cannot lead to another host. Bytes that may not be in a
// Location are escaped.
func parseReturnTo(rawURL string) string {
	if rawURL == "" || len(rawURL) > maxReturnToBytes {
		return ""
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	withoutFragment := *u
	withoutFragment.Fragment, withoutFragment.RawFragment = "", ""
	if !reply.LocalPath(&withoutFragment) {
		return ""
	}
	if strings.ContainsFunc(rawURL, func(r rune) bool { return r <= ' ' || r > '~' }) {
		rawURL = u.String()
	}
	if len(rawURL) > maxReturnToBytes {
		return ""
	}
	return rawURL
}

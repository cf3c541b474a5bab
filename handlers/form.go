package handlers

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/mail"
	"net/url"
	"strings"

	"github.com/crossmint-go/auth/internal/reply"
)

const (
	maxEmailBytes = 254 // RFC 5321 §4.5.3.1.3, less the angle brackets
	// maxCodeBytes leaves room for longer codes than today's, of six digits.
	maxCodeBytes = 16
	// maxReturnToBytes keeps the Location of an answer within what browsers
	// and proxies take.
	maxReturnToBytes = 2048
)

// form is what a sign-in form holds; every field may be missing.
type form struct {
	email, code string
	returnTo    *url.URL // a path on this host, or nil
}

// formMessages says what those are told who send no form.
var formMessages = map[int]string{
	http.StatusBadRequest:           "The body must be a form with each field once at the most",
	http.StatusUnsupportedMediaType: "The body must be application/x-www-form-urlencoded, without Content-Encoding",
}

// readForm reads the form that r posts. If it cannot, it answers and returns
// false. No cache may keep an answer.
func (s *SignIn) readForm(w http.ResponseWriter, r *http.Request) (form, bool) {
	w.Header().Set("Cache-Control", "no-store")
	if !s.admit(w, r) {
		return form{}, false
	}
	values, failure := readValues(w, r)
	if failure == nil {
		return newForm(values), true
	}
	message, ours := formMessages[failure.status]
	if !ours {
		s.fail(w, r, failure)
		return form{}, false
	}
	s.notify(r, failure)
	reply.JSON(w, failure.status, reply.Body{Error: http.StatusText(failure.status), Message: message})
	return form{}, false
}

func readValues(w http.ResponseWriter, r *http.Request) (url.Values, *requestError) {
	if r.Header.Get("Content-Encoding") != "" || !isURLEncoded(r) {
		return nil, &requestError{http.StatusUnsupportedMediaType, fmt.Errorf("body of type %+q", r.Header.Get("Content-Type"))}
	}
	body, failure := readBody(w, r)
	if failure != nil {
		return nil, failure
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, &requestError{http.StatusBadRequest, errForm} // the library's error repeats what is wrong
	}
	for _, value := range values {
		if len(value) > 1 { // which one counts is for nobody to guess
			return nil, &requestError{http.StatusBadRequest, errForm}
		}
	}
	return values, nil
}

var errForm = errors.New("body is not a form, or holds a field twice")

func isURLEncoded(r *http.Request) bool {
	types := r.Header["Content-Type"]
	if len(types) != 1 {
		return false
	}
	mediaType, _, err := mime.ParseMediaType(types[0])
	return err == nil && mediaType == "application/x-www-form-urlencoded"
}

// newForm drops what people paste with an address or a code: spaces.
func newForm(values url.Values) form {
	return form{
		email:    strings.TrimSpace(values.Get("email")),
		code:     strings.Join(strings.Fields(values.Get("code")), ""),
		returnTo: localReturn(values.Get("return_to")),
	}
}

// localReturn returns a path on this host, or nil. It is any user's input.
func localReturn(text string) *url.URL {
	if text == "" || len(text) > maxReturnToBytes {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || !reply.LocalPath(u) {
		return nil
	}
	return u
}

// isEmail reports whether text is one bare address.
func isEmail(text string) bool {
	if len(text) > maxEmailBytes {
		return false
	}
	address, err := mail.ParseAddress(text)
	return err == nil && address.Address == text
}

func isCode(text string) bool {
	return text != "" && len(text) <= maxCodeBytes && strings.Trim(text, "0123456789") == ""
}

// mailbox returns where an e-mail to that address arrives, as far as a limit
// must know: case, and what follows a plus, make no other inbox.
func mailbox(email string) string {
	at := strings.LastIndexByte(email, '@')
	local, _, _ := strings.Cut(email[:max(at, 0)], "+")
	return strings.ToLower(local + email[max(at, 0):])
}

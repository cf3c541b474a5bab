package handlers

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"time"
)

const (
	// maxBodyBytes is far above the size of {"refresh":"…"} with the longest
	// token.
	maxBodyBytes = 16 << 10
	// bodyTimeout bounds the time to read a body, so that slow senders do not
	// keep connections busy.
	bodyTimeout = 5 * time.Second
)

// checkRequest checks the method and the origin. If it returns false, it has
// written the response.
func (e *endpoint) checkRequest(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		e.writeStatus(w, r, &requestError{http.StatusMethodNotAllowed, fmt.Errorf("method %+.200q", r.Method)})
		return false
	}
	if err := e.config.Protection.Check(r); err != nil {
		err = fmt.Errorf("%w (Origin %+.200q, Host %+.200q); add the origin to Config.Protection if it is yours", err, r.Header.Get("Origin"), r.Host)
		e.writeStatus(w, r, &requestError{http.StatusForbidden, err})
		return false
	}
	return true
}

// hasMediaType reports whether the body of r has the media type. Different
// Content-Type headers are ambiguous and match none. With net/http/fcgi behind nginx
// the header comes twice.
func hasMediaType(r *http.Request, mediaType string) bool {
	values := r.Header["Content-Type"]
	if len(values) == 0 || slices.ContainsFunc(values, func(value string) bool { return value != values[0] }) {
		return false
	}
	got, _, err := mime.ParseMediaType(values[0])
	return err == nil && got == mediaType
}

// hasShorterReadTimeout reports whether the server itself ends a slow body earlier.
func hasShorterReadTimeout(r *http.Request) bool {
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	return server != nil && server.ReadTimeout > 0 && server.ReadTimeout < bodyTimeout
}

// readBody reads a body within its bounds of size and time. If w does not support
// read deadlines, only the server's own timeouts bound the time.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *requestError) {
	controller := http.NewResponseController(w)
	hasDeadline := !hasShorterReadTimeout(r) && controller.SetReadDeadline(time.Now().Add(bodyTimeout)) == nil
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	var tooLong *http.MaxBytesError
	switch {
	case err == nil:
		if hasDeadline {
			_ = controller.SetReadDeadline(time.Time{})
		}
		return body, nil
	case errors.As(err, &tooLong):
		return nil, &requestError{http.StatusRequestEntityTooLarge, err}
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		return nil, &requestError{http.StatusRequestTimeout, err}
	default:
		return nil, &requestError{http.StatusBadRequest, err}
	}
}

package handlers

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/crossmint-go/auth/internal/strictjson"
	"github.com/crossmint-go/auth/session"
)

// Bounds of a request's body.
const (
	// maxBodyBytes is far above {"refresh":"…"} with the longest token.
	maxBodyBytes = 16 << 10
	// maxBodyTime is how long a body may take, so that slow senders hold no
	// connections.
	maxBodyTime = 5 * time.Second
)

// readToken reads the refresh token that the body of r holds; the zero Secret
// where there is no body, or where the member is absent, null or empty.
func readToken(w http.ResponseWriter, r *http.Request) (session.Secret, *requestError) {
	if r.Header.Get("Content-Encoding") != "" {
		return session.Secret{}, &requestError{http.StatusUnsupportedMediaType, errors.New("body with Content-Encoding")}
	}
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return session.Secret{}, nil
	}
	if !isJSON(r) {
		return session.Secret{}, &requestError{http.StatusUnsupportedMediaType, fmt.Errorf("body of type %+q", r.Header.Get("Content-Type"))}
	}
	body, failure := readBody(w, r)
	if failure != nil || len(body) == 0 {
		return session.Secret{}, failure
	}
	token, err := parseToken(body)
	if err != nil {
		return session.Secret{}, &requestError{http.StatusBadRequest, err}
	}
	return token, nil
}

func isJSON(r *http.Request) bool {
	types := r.Header["Content-Type"]
	if len(types) != 1 {
		return false
	}
	mediaType, _, err := mime.ParseMediaType(types[0])
	return err == nil && mediaType == "application/json"
}

// readBody reads the body within its bounds. A ResponseWriter without a read
// deadline leaves the time to the server's own timeouts.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *requestError) {
	control := http.NewResponseController(w)
	limited := control.SetReadDeadline(time.Now().Add(maxBodyTime)) == nil
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	var tooLong *http.MaxBytesError
	switch {
	case err == nil:
		if limited {
			_ = control.SetReadDeadline(time.Time{})
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

var (
	errMember = errors.New("refresh is not a short text without control characters")
	errCase   = errors.New("refresh is spelled differently")
)

// parseToken reads {"refresh":"…"}. Other members are ignored, but not one
// that a less strict reader would take for refresh.
func parseToken(body []byte) (token session.Secret, err error) {
	err = strictjson.Object(body, func(name []byte, value strictjson.Value) error {
		switch {
		case string(name) != "refresh":
			if strings.EqualFold(string(name), "refresh") {
				return errCase
			}
			return nil
		case value.IsNull():
			return nil
		}
		text, ok := value.Text()
		if !ok || len(text) > session.MaxRefreshTokenBytes || strings.ContainsFunc(text, isControl) {
			return errMember
		}
		token = session.NewSecret(text)
		return nil
	})
	return token, err
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

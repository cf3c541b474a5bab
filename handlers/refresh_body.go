package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/internal/strictjson"
	"github.com/crossmint-go/auth/session"
)

const jsonType = "application/json"

// readToken returns the refresh token in the JSON body of r. It returns the zero
// Secret if there is no body, or if the member is absent, null or empty.
func readToken(w http.ResponseWriter, r *http.Request) (session.Secret, *requestError) {
	if r.Header.Get("Content-Encoding") != "" {
		return session.Secret{}, &requestError{http.StatusUnsupportedMediaType, errors.New("body with Content-Encoding")}
	}
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return session.Secret{}, nil
	}
	var body []byte
	isJSON := hasMediaType(r, jsonType)
	if isJSON || r.ContentLength < 0 { // some proxies send an empty body in chunks
		var requestErr *requestError
		if body, requestErr = readBody(w, r); requestErr != nil || len(body) == 0 {
			return session.Secret{}, requestErr
		}
	}
	if !isJSON {
		return session.Secret{}, &requestError{http.StatusUnsupportedMediaType, fmt.Errorf("body of type %+.200q", r.Header.Get("Content-Type"))}
	}
	token, err := parseToken(body)
	if err != nil {
		return session.Secret{}, &requestError{http.StatusBadRequest, err}
	}
	return token, nil
}

var (
	errTokenFormat = errors.New("refresh is not a short string without control characters")
	errTokenName   = errors.New("a member name differs from refresh in case only")
)

// parseToken parses {"refresh":"…"}. It ignores other members. But it rejects
// names that differ from refresh in case only, since other JSON parsers read them
// as refresh.
func parseToken(body []byte) (token session.Secret, err error) {
	err = strictjson.Object(body, func(name []byte, value strictjson.Value) error {
		switch {
		case string(name) != "refresh":
			if strings.EqualFold(string(name), "refresh") {
				return errTokenName
			}
			return nil
		case value.IsNull():
			return nil
		}
		s, ok := value.AsString()
		if !ok || len(s) > bounds.MaxRefreshTokenBytes || strings.ContainsFunc(s, isControl) {
			return errTokenFormat
		}
		token = session.NewSecret(s)
		return nil
	})
	return token, err
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

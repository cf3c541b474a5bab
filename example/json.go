package main

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/crossmint-go/auth/session"
)

// maxBodyBytes is far above any body of the sign-in.
const maxBodyBytes = 4 << 10

// readJSON reads the body of r into v. If it cannot, it responds and returns
// false.
func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBodyBytes)).Decode(v)
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		writeError(w, http.StatusRequestEntityTooLarge, "The body is too long")
	case err != nil:
		writeError(w, http.StatusBadRequest, "The body must be a JSON object")
	}
	return err == nil
}

// writeError responds in the format of the kit's own errors.
func writeError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]string{"error": http.StatusText(status), "message": message})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails only if the client is gone
}

// setRetryAfter sets Retry-After to the delay that upstream asks for, or to one
// second.
func setRetryAfter(w http.ResponseWriter, err error) {
	delay := time.Second
	if up := (*session.UpstreamError)(nil); errors.As(err, &up) && up.RetryAfter > 0 {
		delay = up.RetryAfter
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(delay.Seconds()))))
}

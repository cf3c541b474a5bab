package verify_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
	"github.com/crossmint-go/auth/session"
)

// vectorFile holds signed tokens with their key set, clock and expected result.
// The private keys were not kept.
type vectorFile struct {
	Audience string          `json:"audience"`
	Now      int64           `json:"now"`
	JWKS     json.RawMessage `json:"jwks"`
	Vectors  []vector        `json:"vectors"`
}

type vector struct {
	ID, Note, Token, Want string
	JWKS                  string // replaces that of the file, unless empty
}

func readVectors(t *testing.T) vectorFile {
	t.Helper()
	data, err := os.ReadFile("testdata/jwt.json")
	if err != nil {
		t.Fatal(err)
	}
	var file vectorFile
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestVectors(t *testing.T) {
	file := readVectors(t)
	if len(file.Vectors) < 11 {
		t.Fatalf("%d vectors, want 11 at least", len(file.Vectors))
	}
	for _, vector := range file.Vectors {
		t.Run(vector.ID+" "+vector.Note, func(t *testing.T) {
			jwks := file.JWKS
			if vector.JWKS != "" {
				jwks = json.RawMessage(vector.JWKS)
			}
			keys := &keyServer{set: jwks}
			config := configOf(keys)
			config.Audience = file.Audience
			v := newVerifierWith(t, config)
			v.SetClock(func() time.Time { return time.Unix(file.Now, 0) })

			sub, accept := strings.CutPrefix(vector.Want, "accept sub=")
			got, err := v.VerifyNow(t.Context(), vector.Token)
			checkVector(t, got, err, sub, accept)
			if fetches := len(keys.fetches()); fetches > 1 {
				t.Errorf("%d fetches of the keys, want 1 at most", fetches)
			}
			if set, err := verify.ParseKeySet(jwks); err == nil {
				got, err := v.VerifyWith(set, vector.Token)
				checkVector(t, got, err, sub, accept)
			}
		})
	}
}

func checkVector(t *testing.T, got *session.Token, err error, sub string, accept bool) {
	t.Helper()
	if (err == nil) != accept || accept && got.UserID != sub {
		t.Errorf("result %s (%v), token %+v, want accepted: %v for %q", resultOf(err), err, got, accept, sub)
	}
}

package crossmint_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/session"
)

// The files are whole answers to a refresh, as they come over the wire.
func TestAnswersOnFile(t *testing.T) {
	malformed := &session.UpstreamError{Kind: session.Malformed, Op: "refresh", Status: 200}
	tests := map[string]struct {
		user    string // of the grant, if there is one
		failure *session.UpstreamError
	}{
		"U_200_expiresAt_garbage.resp": {user: "user-a"},
		"U_200_other_user.resp":        {user: "user-b"}, // whoever verifies the JWT compares
		"U_200_html.resp":              {failure: malformed},
		"U_200_missing_refresh.resp":   {failure: malformed},
		"U_403_bad_api_key.resp":       {failure: &session.UpstreamError{Op: "refresh", Status: 403}},
		"U_429.resp":                   {failure: &session.UpstreamError{Op: "refresh", Status: 429, RetryAfter: 7 * time.Second}},
	}
	files, err := filepath.Glob("testdata/*.resp")
	if err != nil || len(files) != len(tests) {
		t.Fatalf("%d files (%v), want %d", len(files), err, len(tests))
	}
	for _, file := range files {
		test, known := tests[filepath.Base(file)]
		t.Run(filepath.Base(file), func(t *testing.T) {
			if !known {
				t.Fatal("nobody knows what this file is for")
			}
			answer, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			client := newClient(t, configFor(t, newRawUpstream(t, func(conn net.Conn) { _, _ = bytes.NewReader(answer).WriteTo(conn) })))
			grant, err := client.Refresh(t.Context(), secret)
			if test.failure != nil {
				got := *upstreamError(t, err)
				got.Err = nil // a text for people
				if diff := cmp.Diff(*test.failure, got); diff != "" {
					t.Errorf("failure (-want +got):\n%s", diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := []string{grant.User.ID, grant.JWT.Reveal(), grant.RefreshToken.Secret.Reveal()}
			if diff := cmp.Diff([]string{test.user, "<J00>", "NEW"}, got); diff != "" {
				t.Errorf("grant (-want +got):\n%s", diff)
			}
		})
	}
}

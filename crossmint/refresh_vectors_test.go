package crossmint_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Each file is a complete HTTP response to a refresh.
func TestRefreshVectors(t *testing.T) {
	tests := map[string]struct {
		user       string // of the grant; empty if the call fails
		failure    failure
		retryAfter time.Duration
	}{
		"U_200_expiresAt_garbage.resp": {user: "user-a"},
		"U_200_other_user.resp":        {user: "user-b"}, // the manager compares it with the JWT
		"U_200_html.resp":              {failure: failure{Kind: malformed, Status: 200}},
		"U_200_missing_refresh.resp":   {failure: failure{Kind: malformed, Status: 200}},
		"U_403_bad_api_key.resp":       {failure: failure{Kind: unavailable, Status: 403, APIKeyRejected: true}},
		"U_429.resp":                   {failure: failure{Kind: unavailable, Status: 429}, retryAfter: 7 * time.Second},
	}
	files, err := filepath.Glob("testdata/*.resp")
	if err != nil || len(files) != len(tests) {
		t.Fatalf("%d files (%v), want %d", len(files), err, len(tests))
	}
	for _, file := range files {
		test, known := tests[filepath.Base(file)]
		t.Run(filepath.Base(file), func(t *testing.T) {
			if !known {
				t.Fatal("there is no test for this file")
			}
			response, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			client := newClient(t, configFor(t, newRawUpstream(t, func(conn net.Conn) { _, _ = bytes.NewReader(response).WriteTo(conn) })))
			grant, err := client.Refresh(t.Context(), secret)
			if test.user == "" {
				if diff := cmp.Diff(test.failure, failureOf(t, err)); diff != "" {
					t.Errorf("failure (-want +got):\n%s", diff)
				}
				if up := upstreamError(t, err); up.Op != "refresh" || up.RetryAfter != test.retryAfter {
					t.Errorf("op %q, retry after %v, want refresh, %v", up.Op, up.RetryAfter, test.retryAfter)
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

package crossmint_test

import (
	"os"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

// The parser of API keys never panics. The project ID of an accepted key can be a
// part of a cookie name.
func FuzzAPIKey(f *testing.F) {
	published, err := os.ReadFile("testdata/apikey.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		strings.TrimSpace(string(published)), mint("sk_staging", "project-1.x"), "sk_", "sk_staging_", "ck_production_1", "sk_live", "project-1.opaque",
		".x", "p.x:y", "p q.x", "é.x", "a;b.x", "p\x00.x", strings.Repeat("p", 200) + ".x", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, key := range []string{text, "sk_staging_" + text, mint("sk_staging", text), mint("ck_production", text)} {
			client, err := crossmint.NewClient(crossmint.Config{APIKey: session.NewSecret(key), AllowClientKey: true, APIKeyVerifiers: testVerifiers()})
			if err != nil {
				if strings.Contains(err.Error(), "\n") || len(text) > 20 && strings.Contains(err.Error(), text) {
					t.Fatalf("%q: error %q is not one line without the key", key, err)
				}
				continue
			}
			defer client.Close()
			if id := client.ProjectID(); id == "" || len(id) > 128 || strings.Trim(id, projectIDCharacters) != "" {
				t.Fatalf("%q: accepted with project %q", key, id)
			}
		}
	})
}

const projectIDCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

package crossmint_test

import (
	"os"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

// Whatever is passed as a key, or signed by the vendor: no panic, and a key
// that is taken has a project that can be a part of a cookie's name.
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
			if id := client.ProjectID(); id == "" || len(id) > 128 || strings.Trim(id, plain) != "" {
				t.Fatalf("%q: taken with project %q", key, id)
			}
		}
	})
}

const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

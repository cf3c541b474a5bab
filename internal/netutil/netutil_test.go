package netutil_test

import (
	"testing"

	"github.com/crossmint-go/auth/internal/netutil"
)

func TestIsLoopback(t *testing.T) {
	tests := map[string]bool{
		"localhost":              true,
		"crossmint.localhost":    true,
		"127.0.0.1":              true,
		"127.9.9.9":              true,
		"::1":                    true,
		"::ffff:127.0.0.1":       true,
		"":                       false,
		"localhost.example":      false,
		"notlocalhost":           false,
		"127.0.0.1.example":      false,
		"10.0.0.1":               false,
		"0.0.0.0":                false,
		"::":                     false,
		"::ffff:10.0.0.1":        false,
		"127.1":                  false,
		"localhost:80":           false,
		"xn--localhost.example.": false,
	}
	for host, want := range tests {
		t.Run(host, func(t *testing.T) {
			if got := netutil.IsLoopback(host); got != want {
				t.Errorf("IsLoopback(%q) = %v, want %v", host, got, want)
			}
		})
	}
}

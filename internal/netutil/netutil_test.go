package netutil_test

import (
	"testing"

	"github.com/crossmint-go/auth/internal/netutil"
	"github.com/google/go-cmp/cmp"
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

func TestOnlyLoopback(t *testing.T) {
	tests := []struct {
		name, network, address string
		want                   string
	}{
		{name: "this machine", network: "tcp4", address: "127.0.0.1:5432"},
		{name: "this machine, IPv6", network: "tcp6", address: "[::1]:5432"},
		{name: "a socket", network: "unix", address: "/run/store.sock"},
		{name: "another machine", network: "tcp4", address: "10.0.0.1:5432", want: "10.0.0.1:5432 is another machine: use TLS, or set InsecureAllowPlaintext"},
		{name: "no port", network: "tcp4", address: "127.0.0.1", want: "127.0.0.1 is another machine: use TLS, or set InsecureAllowPlaintext"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := netutil.OnlyLoopback(test.network, test.address, nil); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

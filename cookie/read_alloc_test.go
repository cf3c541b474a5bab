//go:build !race

package cookie_test

import (
	"strings"
	"testing"

	"github.com/crossmint-go/auth/cookie"
)

func TestReadAllocations(t *testing.T) {
	typical := pairs("theme", "dark", documentedJWT, "a.b.c", plainRefresh, "r")
	tests := []struct {
		name  string
		lines []string
		max   float64
	}{
		{name: "typical pair", lines: []string{typical}, max: 0},
		{name: "typical pair in two lines", lines: []string{pairs(documentedJWT, "a.b.c"), pairs(plainRefresh, "r")}, max: 0},
		{name: "typical pair behind 200 other cookies", lines: []string{strings.Repeat("name=value; ", 200) + typical}, max: 0},
		{name: "100 KB of other cookies", lines: []string{strings.Repeat("name=value; ", 100_000/len("name=value; "))}, max: 0},
		{name: "refresh cookie alone", lines: []string{pairs(plainRefresh, "r")}, max: 0},
		{name: "no cookies", lines: nil, max: 0},
		// The codec keeps a bounded number of values, whatever the size of the header.
		{name: "100 KB of refresh cookies", lines: []string{strings.Repeat(plainRefresh+"=r;", 100_000/len(plainRefresh+"=r;"))}, max: 8},
	}
	codec := newCodec(t, cookie.Config{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := request(test.lines...)
			if got := testing.AllocsPerRun(100, func() { codec.Read(r) }); got > test.max {
				t.Errorf("%v allocations, want %v at most", got, test.max)
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	codec := newCodec(b, cookie.Config{})
	r := request(pairs("theme", "dark", documentedJWT, strings.Repeat("eyJhbGci", 100), plainRefresh, strings.Repeat("r", 40)))
	b.ReportAllocs()
	for b.Loop() {
		codec.Read(r)
	}
}

//go:build !race

package cookie_test

import (
	"strings"
	"testing"

	"github.com/crossmint-go/auth/cookie"
)

func TestScanDoesNotAllocate(t *testing.T) {
	codec := newCodec(t, cookie.Config{})
	for name, lines := range map[string][]string{
		"usual":        {pairs("theme", "dark", documentedJWT, "a.b.c", plainRefresh, "r")},
		"many cookies": {strings.Repeat("name=value; ", 200) + pairs(documentedJWT, "a.b.c", plainRefresh, "r")},
		"100 KB":       {strings.Repeat(plainRefresh+"=r;", 100_000/len(plainRefresh))},
		"none":         nil,
	} {
		if got := testing.AllocsPerRun(100, func() { codec.ScanOnly(lines) }); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}

func BenchmarkPlain(b *testing.B) {
	v := strings.Repeat("eyJhbGci", 100)
	for b.Loop() {
		cookie.Plain(v)
	}
}

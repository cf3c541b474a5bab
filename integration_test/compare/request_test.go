package compare_test

import (
	"testing"

	"github.com/crossmint-go/auth/integration_test/compare"
)

func TestNewRequest(t *testing.T) {
	for _, renews := range []bool{false, true} {
		send, err := compare.NewRequest(renews)
		if err != nil {
			t.Fatalf("renews %t: %v", renews, err)
		}
		for range 10 {
			send()
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	for name, renews := range map[string]bool{"valid": false, "renews": true} {
		b.Run(name, func(b *testing.B) {
			send, err := compare.NewRequest(renews)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				send()
			}
		})
	}
}

package delivery_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/internal/delivery"
	"github.com/google/go-cmp/cmp"
)

func TestWarnLarge(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	warnings := func(sizes ...int) int {
		h := http.Header{}
		for _, size := range sizes {
			h.Add("Set-Cookie", strings.Repeat("a", size-len("Set-Cookie: \r\n")))
		}
		log.Reset()
		delivery.WarnLarge(t.Context(), h)
		if strings.Contains(log.String(), "aaa") {
			t.Errorf("the log has a cookie: %s", log.String())
		}
		return strings.Count(log.String(), "proxy_buffer_size")
	}
	synctest.Test(t, func(*testing.T) {
		got := []int{warnings(), warnings(2048, 2048), warnings(2048, 2049), warnings(9000)}
		time.Sleep(59 * time.Second)
		got = append(got, warnings(9000))
		time.Sleep(time.Second)
		got = append(got, warnings(9000))
		if diff := cmp.Diff([]int{0, 0, 1, 0, 0, 1}, got); diff != "" {
			t.Errorf("warnings (-want +got):\n%s", diff)
		}
	})
}

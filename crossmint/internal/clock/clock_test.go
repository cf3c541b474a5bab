package clock_test

import (
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/crossmint-go/auth/crossmint/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRead(t *testing.T) {
	received := time.Date(2000, 1, 1, 12, 0, 0, 500, time.UTC)
	tests := []struct {
		name      string
		date, age string
		took      time.Duration
		want      string // "": no reading
		wrong     bool
	}{
		{name: "no Date"},
		{name: "not a date", date: "2000-01-01T12:00:00Z"},
		{name: "equal", date: "Sat, 01 Jan 2000 12:00:00 GMT", want: "this machine's clock (2000-01-01T12:00:00Z) is 0s ahead of upstream's (2000-01-01T12:00:00Z)"},
		{name: "59 s behind", date: "Sat, 01 Jan 2000 12:00:59 GMT", want: "this machine's clock (2000-01-01T12:00:00Z) is 59s behind upstream's (2000-01-01T12:00:59Z)"},
		{name: "61 s behind", date: "Sat, 01 Jan 2000 12:01:01 GMT", want: "this machine's clock (2000-01-01T12:00:00Z) is 1m1s behind upstream's (2000-01-01T12:01:01Z)", wrong: true},
		{name: "61 s ahead", date: "Sat, 01 Jan 2000 11:58:59 GMT", want: "this machine's clock (2000-01-01T12:00:00Z) is 1m1s ahead of upstream's (2000-01-01T11:58:59Z)", wrong: true},
		{name: "61 s ahead, after a slow response", date: "Sat, 01 Jan 2000 11:58:59 GMT", took: 5 * time.Second, want: "this machine's clock (2000-01-01T12:00:00Z) is 1m1s ahead of upstream's (2000-01-01T11:58:59Z)"},
		{name: "from a cache", date: "Sat, 01 Jan 2000 11:00:00 GMT", age: "3600", want: "this machine's clock (2000-01-01T12:00:00Z) is 0s ahead of upstream's (2000-01-01T12:00:00Z)"},
		{name: "an oversize age", date: "Sat, 01 Jan 2000 12:00:00 GMT", age: "99999999999", want: "this machine's clock (2000-01-01T12:00:00Z) is 0s ahead of upstream's (2000-01-01T12:00:00Z)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			header := http.Header{"Date": {test.date}, "Age": {test.age}}
			reading, ok := clock.Read(header, received)
			if ok != (test.want != "") {
				t.Fatalf("a reading: %t", ok)
			}
			if ok && (reading.String() != test.want || reading.IsWrong(test.took) != test.wrong) {
				t.Errorf("%v, wrong: %t; want %s, wrong: %t", reading, reading.IsWrong(test.took), test.want, test.wrong)
			}
		})
	}
}

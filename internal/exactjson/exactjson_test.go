package exactjson_test

import (
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/exactjson"
	"github.com/google/go-cmp/cmp"
)

type inner struct {
	Role string `json:"role"`
}

type outer struct {
	inner
	Role   string           `json:"role"`
	Nested *inner           `json:"nested"`
	List   []inner          `json:"list"`
	Map    map[string]inner `json:"map"`
	At     time.Time        `json:"at"`
	Any    any              `json:"any"`
	Untag  string
	Hidden string `json:"-"`
}

func TestUnmarshal(t *testing.T) {
	tests := []struct {
		name string
		json string
		want outer
	}{
		{name: "exact names", json: `{"role":"a","nested":{"role":"b"},"list":[{"role":"c"}],"map":{"K":{"role":"d"}},"Untag":"e"}`, want: outer{
			Role: "a", Nested: &inner{"b"}, List: []inner{{"c"}}, Map: map[string]inner{"K": {"d"}}, Untag: "e",
		}},
		{name: "another case", json: `{"ROLE":"a","Nested":{"role":"b"},"untag":"e","Hidden":"f"}`},
		{name: "another case further inside", json: `{"nested":{"Role":"b"},"list":[{"rOle":"c"}],"map":{"K":{"ROLE":"d"}}}`, want: outer{
			Nested: &inner{}, List: []inner{{}}, Map: map[string]inner{"K": {}},
		}},
		{name: "the later of two does not win", json: `{"role":"user","ROLE":"admin"}`, want: outer{Role: "user"}},
		{name: "maps of any keep all names", json: `{"any":{"ROLE":"a"}}`, want: outer{Any: map[string]any{"ROLE": "a"}}},
		{name: "null", json: `{"nested":null,"list":null}`},
		{name: "types that decode themselves", json: `{"at":"2030-01-01T00:00:00Z"}`, want: outer{At: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got outer
			if err := exactjson.Unmarshal([]byte(tt.json), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(outer{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, invalid := range []string{``, `{`, `[]`, `{"role":1}`, `{"list":{}}`} {
		if err := exactjson.Unmarshal([]byte(invalid), new(outer)); err == nil {
			t.Errorf("%s: no error", invalid)
		}
	}
}

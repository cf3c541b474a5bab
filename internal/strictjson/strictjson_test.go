package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/internal/strictjson"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// read returns the members of data with their encoded values.
func read(data string) (map[string]string, error) {
	members := map[string]string{}
	err := strictjson.Object([]byte(data), func(name []byte, value strictjson.Value) error {
		members[string(name)] = string(value)
		return nil
	})
	return members, err
}

func TestObject(t *testing.T) {
	tests := []struct {
		name, data string
		want       map[string]string
	}{
		{name: "empty", data: `{}`, want: map[string]string{}},
		{
			name: "space everywhere", data: " \t\r\n{ \"a\" : 1 , \"b\" : [ 1 , { } ] } ",
			want: map[string]string{"a": "1", "b": "[ 1 , { } ]"},
		},
		{
			name: "every kind", data: `{"s":"x","n":-1.5e+3,"t":true,"f":false,"z":null,"o":{"p":[]},"a":[0]}`,
			want: map[string]string{"s": `"x"`, "n": "-1.5e+3", "t": "true", "f": "false", "z": "null", "o": `{"p":[]}`, "a": "[0]"},
		},
		{name: "escaped name", data: `{"\u0065xp":1}`, want: map[string]string{"exp": "1"}},
		{name: "surrogate pair", data: `{"\ud83d\ude00":1}`, want: map[string]string{"😀": "1"}},
		{name: "escaped replacement character", data: `{"a":"\ufffd"}`, want: map[string]string{"a": `"\ufffd"`}},
		{name: "same name at two depths", data: `{"a":{"a":1}}`, want: map[string]string{"a": `{"a":1}`}},
		{
			name: "deepest", data: `{"a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`,
			want: map[string]string{"a": strings.Repeat("[", 31) + strings.Repeat("]", 31)},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := read(test.data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
		})
	}
}

func TestObjectRejects(t *testing.T) {
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf(`"m%d":1`, i)
	}
	tests := map[string]string{
		"empty input":                    ``,
		"an array":                       `[]`,
		"null":                           `null`,
		"a string":                       `"a"`,
		"a byte order mark":              "\ufeff{}",
		"two objects":                    `{"a":1}{"b":2}`,
		"trailing data":                  `{} x`,
		"a trailing zero byte":           "{}\x00",
		"a trailing comma":               `{"a":1,}`,
		"a missing comma":                `{"a":1 "b":2}`,
		"a missing colon":                `{"a" 1}`,
		"a missing value":                `{"a":}`,
		"a name without quotes":          `{a:1}`,
		"single quotes":                  `{'a':1}`,
		"a comment":                      `{/**/}`,
		"an unterminated object":         `{"a":1`,
		"an unterminated string":         `{"a":"`,
		"an unterminated escape":         `{"a":"\`,
		"an unknown escape":              `{"a":"\x41"}`,
		"a short unicode escape":         `{"a":"\u12"}`,
		"a lone high surrogate":          `{"a":"\ud800"}`,
		"a lone low surrogate":           `{"a":"\udc00"}`,
		"a high surrogate and a char":    `{"a":"\ud800\u0041"}`,
		"a control byte in a string":     "{\"a\":\"\n\"}",
		"invalid UTF-8 in a value":       "{\"a\":\"\xff\"}",
		"invalid UTF-8 in a name":        "{\"\xc3\x28\":1}",
		"an overlong encoding":           "{\"a\":\"\xc0\xaf\"}",
		"a leading zero":                 `{"a":01}`,
		"a plus sign":                    `{"a":+1}`,
		"a point without digits":         `{"a":1.}`,
		"an exponent without digits":     `{"a":1e}`,
		"a minus without digits":         `{"a":-}`,
		"NaN":                            `{"a":NaN}`,
		"True":                           `{"a":True}`,
		"a duplicate":                    `{"a":1,"a":2}`,
		"a duplicate, escaped":           `{"a":1,"\u0061":2}`,
		"a duplicate in a nested object": `{"x":{"a":1,"a":2}}`,
		"a duplicate within an array":    `{"x":[{"a":1,"a":2}]}`,
		"a duplicate among many":         `{` + strings.Join(many, ",") + `,"m3":2}`,
		"one level too deep":             `{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`,
		"a hundred thousand levels":      `{"a":` + strings.Repeat("[", 100_000),
		"objects too deep":               strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			if members, err := read(data); err == nil {
				t.Errorf("accepted as %v", members)
			}
		})
	}
}

// unmarshal is json.Unmarshal without a bound on numbers.
func unmarshal(data []byte, v any) error {
	if !json.Valid(data) {
		return errors.New("not JSON")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode(v)
}

// FuzzObject checks that encoding/json accepts everything that Object accepts,
// with equal members.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1,"b":"\u00e9\ud83d\ude00"}`, `{"a":[{"b":null}],"c":-0.5E-3}`, `{"a":"\ufffd"}`, "{\"a\":\"\xff\"}", `{"a":1,"\u0061":2}`, `{"a":1E700}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := map[string]any{}
		err := strictjson.Object(data, func(name []byte, value strictjson.Value) error {
			var v any
			if err := unmarshal(value, &v); err != nil {
				t.Fatalf("value %q: %v", value, err)
			}
			if got, ok := value.AsString(); ok && got != v {
				t.Fatalf("AsString(%q) = %q, want %q", value, got, v)
			}
			got[string(name)] = v
			return nil
		})
		if err != nil {
			return
		}
		want := map[string]any{}
		if err := unmarshal(data, &want); err != nil {
			t.Fatalf("accepted %q: %v", data, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("members (-want +got):\n%s", diff)
		}
	})
}

// Outer accepts damaged values, which Object rejects. It rejects a damaged outermost
// object and wrong grammar anywhere.
func TestOuter(t *testing.T) {
	tests := []struct {
		name, data string
		want       []string // the elements of "list"; nil: rejected
	}{
		{name: "intact", data: `{"list":[{"a":1},2]}`, want: []string{`{"a":1}`, "2"}},
		{name: "a name twice in an element", data: `{"list":[{"a":1,"a":2},3]}`, want: []string{`{"a":1,"a":2}`, "3"}},
		{name: "a name twice further in", data: `{"list":[{"a":[{"b":1,"b":2}]},3]}`, want: []string{`{"a":[{"b":1,"b":2}]}`, "3"}},
		{name: "a name twice beside the list", data: `{"x":{"a":1,"a":2},"list":[3]}`, want: []string{"3"}},
		{name: "invalid UTF-8 in an element", data: "{\"list\":[\"\xff\",3]}", want: []string{"\"\xff\"", "3"}},
		{name: "a lone surrogate", data: `{"list":["\ud800",3]}`, want: []string{`"\ud800"`, "3"}},
		{name: "two lists", data: `{"list":[1],"list":[2]}`},
		{name: "two lists, one name escaped", data: `{"list":[1],"\u006cist":[2]}`},
		{name: "an unknown escape", data: `{"list":["\x"]}`},
		{name: "an unclosed element", data: `{"list":[{"a":1]}`},
		{name: "a second object", data: `{"list":[]}{}`},
		{name: "too deep", data: `{"list":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			err := strictjson.Outer([]byte(test.data), func(name []byte, value strictjson.Value) error {
				if string(name) == "list" && !value.Elements(func(v strictjson.Value) { got = append(got, string(v)) }) {
					t.Errorf("%s is not an array", value)
				}
				return nil
			})
			if err != nil {
				got = nil
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("elements, error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

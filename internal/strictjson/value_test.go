package strictjson_test

import (
	"testing"

	"github.com/crossmint-go/auth/internal/strictjson"
	"github.com/google/go-cmp/cmp"
)

func TestAsString(t *testing.T) {
	got, ok := strictjson.Value(`"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`).AsString()
	if diff := cmp.Diff("a\"\\/\b\f\n\r\té😀", got); diff != "" || !ok {
		t.Errorf("AsString, %v (-want +got):\n%s", ok, diff)
	}
	for _, value := range []string{"1", "null", "true", "[]", "{}"} {
		if got, ok := strictjson.Value(value).AsString(); ok {
			t.Errorf("AsString(%s) = %q, want none", value, got)
		}
	}
}

func TestIs(t *testing.T) {
	for value, want := range map[string]bool{`"a"`: true, `"\u0061"`: true, `"b"`: false, `""`: false, "null": false, "1": false} {
		if got := strictjson.Value(value).Is("a"); got != want {
			t.Errorf("Value(%s).Is = %v, want %v", value, got, want)
		}
	}
}

func TestValueTypes(t *testing.T) {
	const (
		isNull = 1 << iota
		isObject
		isString
		isNumber
	)
	for value, want := range map[string]int{
		"null": isNull, "{}": isObject, `{"a":1}`: isObject, `""`: isString, `"1"`: isString, `"null"`: isString,
		"0": isNumber, "-1": isNumber, "9": isNumber, "1.5e3": isNumber, "true": 0, "false": 0, "[]": 0, "[1]": 0,
	} {
		v, got := strictjson.Value(value), 0
		for flag, is := range map[int]func() bool{isNull: v.IsNull, isObject: v.IsObject, isString: v.IsString, isNumber: v.IsNumber} {
			if is() {
				got |= flag
			}
		}
		if got != want {
			t.Errorf("types of %s = %04b, want %04b", value, got, want)
		}
	}
}

func TestEachString(t *testing.T) {
	tests := []struct {
		value string
		want  []string
		ok    bool
	}{
		{value: `[]`, ok: true},
		{value: `["a" , "b"]`, want: []string{`"a"`, `"b"`}, ok: true},
		{value: `["a",1]`, want: []string{`"a"`}},
		{value: `[["a"]]`},
		{value: `{}`},
		{value: `"a"`},
	}
	for _, test := range tests {
		var got []string
		ok := strictjson.Value(test.value).EachString(func(v strictjson.Value) { got = append(got, string(v)) })
		if diff := cmp.Diff(test.want, got); diff != "" || ok != test.ok {
			t.Errorf("EachString(%s) reports %v, want %v; elements (-want +got):\n%s", test.value, ok, test.ok, diff)
		}
	}
}

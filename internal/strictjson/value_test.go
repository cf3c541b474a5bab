package strictjson_test

import (
	"testing"

	"github.com/crossmint-go/auth/internal/strictjson"
	"github.com/google/go-cmp/cmp"
)

func TestText(t *testing.T) {
	got, ok := strictjson.Value(`"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`).Text()
	if diff := cmp.Diff("a\"\\/\b\f\n\r\té😀", got); diff != "" || !ok {
		t.Errorf("Text, %v (-want +got):\n%s", ok, diff)
	}
	for _, value := range []string{"1", "null", "true", "[]", "{}"} {
		if got, ok := strictjson.Value(value).Text(); ok {
			t.Errorf("Text(%s) = %q, want none", value, got)
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

func TestInteger(t *testing.T) {
	tests := []struct {
		value string
		want  int64
		ok    bool
	}{
		{value: "0", want: 0, ok: true},
		{value: "-1", want: -1, ok: true},
		{value: "9223372036854775807", want: 9223372036854775807, ok: true},
		{value: "9223372036854775808", ok: false},
		{value: "1.0", ok: false},
		{value: "1e3", ok: false},
		{value: `"1"`, ok: false},
		{value: "null", ok: false},
		{value: "true", ok: false},
	}
	for _, test := range tests {
		got, ok := strictjson.Value(test.value).Integer()
		if ok != test.ok || ok && got != test.want {
			t.Errorf("Integer(%s) = %d, %v, want %d, %v", test.value, got, ok, test.want, test.ok)
		}
	}
}

func TestTexts(t *testing.T) {
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
		ok := strictjson.Value(test.value).Texts(func(v strictjson.Value) { got = append(got, string(v)) })
		if diff := cmp.Diff(test.want, got); diff != "" || ok != test.ok {
			t.Errorf("Texts(%s) reports %v, want %v; elements (-want +got):\n%s", test.value, ok, test.ok, diff)
		}
	}
}

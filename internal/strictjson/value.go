package strictjson

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// A Value is one well-formed JSON value in its encoded form, without space
// around it. The zero Value is not valid.
type Value []byte

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return string(v) == "null" }

// IsObject reports whether v is an object.
func (v Value) IsObject() bool { return v[0] == '{' }

// IsString reports whether v is a string.
func (v Value) IsString() bool { return v[0] == '"' }

// IsNumber reports whether v is a number.
func (v Value) IsNumber() bool { return v[0] == '-' || v[0] >= '0' && v[0] <= '9' }

// AsString returns the decoded string, and false if v is not a string.
func (v Value) AsString() (string, bool) {
	if !v.IsString() {
		return "", false
	}
	return string(decode(v)), true
}

// Is reports whether v is a string equal to s. It does not allocate if v has no
// escape sequences.
func (v Value) Is(s string) bool { return v.IsString() && string(decode(v)) == s }

// EachString calls each for every element and reports whether v is an array of
// strings. It stops at the first element that is not a string.
func (v Value) EachString(each func(Value)) bool {
	values, ok := v.elements()
	for _, element := range values {
		if !element.IsString() {
			return false
		}
		each(element)
	}
	return ok
}

// Elements calls each for every element and reports whether v is an array.
func (v Value) Elements(each func(Value)) bool {
	values, ok := v.elements()
	for _, element := range values {
		each(element)
	}
	return ok
}

func (v Value) elements() (values []Value, isArray bool) {
	if v[0] != '[' {
		return nil, false
	}
	s := scanner{data: v, lenient: true} // v was checked as a part of its object
	for s.pos++; !s.accept(']'); s.accept(',') {
		s.skipSpace()
		start := s.pos
		if s.scanValue(1) != nil {
			return nil, false
		}
		values = append(values, v[start:s.pos])
	}
	return values, true
}

// decode returns the content of a well-formed JSON string. Without escape
// sequences, the result is a part of quoted.
func decode(quoted []byte) []byte {
	content := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(content, '\\') < 0 {
		return content
	}
	out := make([]byte, 0, len(content))
	for i := 0; i < len(content); {
		if content[i] != '\\' {
			out = append(out, content[i])
			i++
			continue
		}
		r, size := unescape(content[i:])
		out = utf8.AppendRune(out, r)
		i += size
	}
	return out
}

// unescape decodes the escape sequence at the start of data. It returns size 0
// if there is none, and utf8.RuneError for a lone surrogate.
func unescape(data []byte) (r rune, size int) {
	if len(data) < 2 {
		return 0, 0
	}
	switch data[1] {
	case '"', '\\', '/':
		return rune(data[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		return unescapeUnicode(data)
	}
	return 0, 0
}

func unescapeUnicode(data []byte) (rune, int) {
	first, ok := hex4(data)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(first) {
		return first, 6
	}
	second, ok := hex4(data[6:])
	if !ok {
		return utf8.RuneError, 6
	}
	return utf16.DecodeRune(first, second), 12
}

// hex4 decodes \uXXXX. It returns false if data does not start with one.
func hex4(data []byte) (rune, bool) {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, b := range data[2:6] {
		switch {
		case b >= '0' && b <= '9':
			r = r<<4 | rune(b-'0')
		case b >= 'a' && b <= 'f':
			r = r<<4 | rune(b-'a'+10)
		case b >= 'A' && b <= 'F':
			r = r<<4 | rune(b-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// isEscapedReplacement reports whether data starts with \ufffd.
func isEscapedReplacement(data []byte) bool {
	r, ok := hex4(data)
	return ok && r == utf8.RuneError
}

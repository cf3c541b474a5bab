package strictjson

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A Value is the text of one well-formed JSON value, without space around it.
type Value []byte

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return string(v) == "null" }

// IsObject reports whether v is an object.
func (v Value) IsObject() bool { return v[0] == '{' }

// Text returns the string that v is, and whether it is one.
func (v Value) Text() (string, bool) {
	if v[0] != '"' {
		return "", false
	}
	return string(decode(v)), true
}

// Is reports whether v is the string text. It does not allocate where v has
// no escapes.
func (v Value) Is(text string) bool { return v[0] == '"' && string(decode(v)) == text }

// Integer returns the integer that v is, and whether it is one that an int64
// holds, written without a fraction and without an exponent.
func (v Value) Integer() (int64, bool) {
	n, err := strconv.ParseInt(string(v), 10, 64)
	return n, err == nil
}

// Texts calls each for every element and reports whether v is an array of
// nothing but strings. It stops at the first other element.
func (v Value) Texts(each func(Value)) bool {
	values, ok := v.elements()
	for _, element := range values {
		if element[0] != '"' {
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
	s := scanner{data: v}
	for s.at++; !s.take(']'); s.take(',') {
		s.space()
		start := s.at
		if s.value(0) != nil {
			return nil, false
		}
		values = append(values, v[start:s.at])
	}
	return values, true
}

// decode returns the content of a well-formed JSON string. Without escapes
// it is a part of quoted itself.
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

// unescape reads the escape that data starts with. A size of 0 means that it
// is none; a lone surrogate gives utf8.RuneError.
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

// hex4 reads \uXXXX.
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

// isReplacement reports whether data spells U+FFFD itself.
func isReplacement(data []byte) bool {
	r, ok := hex4(data)
	return ok && r == utf8.RuneError
}

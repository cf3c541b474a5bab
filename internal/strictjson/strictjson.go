// Package strictjson parses one JSON object from untrusted bytes. It rejects
// every form that two parsers could read differently.
//
// Beyond the grammar of RFC 8259 it rejects data before or after the object, a
// byte order mark, invalid UTF-8, lone surrogates, duplicate member names in any
// object at any depth, and nesting deeper than [MaxDepth]. encoding/json accepts
// duplicate names, invalid UTF-8 and lone surrogates.
package strictjson

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// MaxDepth is how deep values may nest. No message of this protocol needs more
// than four levels.
const MaxDepth = 32

// The errors quote no input, since it may contain a secret.
var (
	errSyntax    = errors.New("not one well-formed JSON object")
	errUTF8      = errors.New("invalid UTF-8 in JSON")
	errDuplicate = errors.New("duplicate member in a JSON object")
	errDepth     = errors.New("JSON nested too deeply")
)

// Object parses data as exactly one JSON object and calls member for each of
// its members, in order. The name is decoded. The name and the value point into
// data and are valid during the call only. If member returns an error, Object
// stops and returns that error unchanged.
//
// Object may call member before it finds an error further on. Use the members
// only if Object returns nil.
func Object(data []byte, member func(name []byte, value Value) error) error {
	return object(scanner{data: data}, member)
}

// Outer is [Object] for a list of objects that may be damaged. It checks the
// grammar of the values, and accepts in them duplicate member names, invalid UTF-8
// and lone surrogates. Pass each value to Object before you use it.
func Outer(data []byte, member func(name []byte, value Value) error) error {
	return object(scanner{data: data, lenient: true}, member)
}

func object(s scanner, member func(name []byte, value Value) error) error {
	s.skipSpace()
	if s.peek() != '{' {
		return errSyntax
	}
	if err := s.scanObject(1, member); err != nil {
		return err
	}
	s.skipSpace()
	if s.pos != len(s.data) {
		return errSyntax
	}
	return nil
}

// A scanner reads data once, from start to end.
type scanner struct {
	data []byte
	pos  int
	// lenient accepts what Outer accepts.
	lenient bool
}

// peek returns the next byte, or 0 at the end. No JSON token starts with 0.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) skipSpace() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// accept skips space, consumes b if it is the next byte, and reports whether it
// was.
func (s *scanner) accept(b byte) bool {
	s.skipSpace()
	if s.peek() != b {
		return false
	}
	s.pos++
	return true
}

// scanObject consumes an object. member may be nil.
func (s *scanner) scanObject(depth int, member func([]byte, Value) error) error {
	if depth > MaxDepth {
		return errDepth
	}
	s.accept('{')
	if s.accept('}') {
		return nil
	}
	var seen nameSet
	for {
		if err := s.scanMember(depth, &seen, member); err != nil {
			return err
		}
		if s.accept('}') {
			return nil
		}
		if !s.accept(',') {
			return errSyntax
		}
	}
}

func (s *scanner) scanMember(depth int, seen *nameSet, member func([]byte, Value) error) error {
	s.skipSpace()
	start := s.pos
	if err := s.scanString(); err != nil {
		return err
	}
	name := decode(s.data[start:s.pos])
	if (!s.lenient || depth == 1) && !seen.add(name) {
		return errDuplicate
	}
	if !s.accept(':') {
		return errSyntax
	}
	s.skipSpace()
	start = s.pos
	if err := s.scanValue(depth); err != nil {
		return err
	}
	if member == nil {
		return nil
	}
	return member(name, Value(s.data[start:s.pos]))
}

func (s *scanner) scanValue(depth int) error {
	switch s.peek() {
	case '{':
		return s.scanObject(depth+1, nil)
	case '[':
		return s.scanArray(depth + 1)
	case '"':
		return s.scanString()
	case 't':
		return s.scanLiteral("true")
	case 'f':
		return s.scanLiteral("false")
	case 'n':
		return s.scanLiteral("null")
	default:
		return s.scanNumber()
	}
}

func (s *scanner) scanArray(depth int) error {
	if depth > MaxDepth {
		return errDepth
	}
	s.accept('[')
	if s.accept(']') {
		return nil
	}
	for {
		s.skipSpace()
		if err := s.scanValue(depth); err != nil {
			return err
		}
		if s.accept(']') {
			return nil
		}
		if !s.accept(',') {
			return errSyntax
		}
	}
}

func (s *scanner) scanLiteral(literal string) error {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(literal)) {
		return errSyntax
	}
	s.pos += len(literal)
	return nil
}

// scanNumber consumes a number (RFC 8259 §6).
func (s *scanner) scanNumber() error {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.scanDigits() {
		return errSyntax
	}
	if s.peek() == '.' {
		s.pos++
		if !s.scanDigits() {
			return errSyntax
		}
	}
	if b := s.peek(); b == 'e' || b == 'E' {
		s.pos++
		if b := s.peek(); b == '+' || b == '-' {
			s.pos++
		}
		if !s.scanDigits() {
			return errSyntax
		}
	}
	return nil
}

// scanDigits consumes digits and reports whether it found at least one.
func (s *scanner) scanDigits() bool {
	start := s.pos
	for b := s.peek(); b >= '0' && b <= '9'; b = s.peek() {
		s.pos++
	}
	return s.pos > start
}

// scanString consumes a string (RFC 8259 §7).
func (s *scanner) scanString() error {
	if s.peek() != '"' {
		return errSyntax
	}
	s.pos++
	for s.pos < len(s.data) {
		switch b := s.data[s.pos]; {
		case b == '"':
			s.pos++
			return nil
		case b == '\\':
			if err := s.scanEscape(); err != nil {
				return err
			}
		case b < 0x20:
			return errSyntax
		case b < utf8.RuneSelf:
			s.pos++
		default:
			r, size := utf8.DecodeRune(s.data[s.pos:])
			if r == utf8.RuneError && size == 1 && !s.lenient {
				return errUTF8
			}
			s.pos += size
		}
	}
	return errSyntax
}

// scanEscape consumes one escape sequence. It rejects lone surrogates, which
// unescape decodes to U+FFFD like an escaped U+FFFD itself.
func (s *scanner) scanEscape() error {
	r, size := unescape(s.data[s.pos:])
	if size == 0 || r == utf8.RuneError && !s.lenient && !isEscapedReplacement(s.data[s.pos:]) {
		return errSyntax
	}
	s.pos += size
	return nil
}

// nameSet holds the member names of one object. Objects of up to 12 members
// need no allocation.
type nameSet struct {
	small [12][]byte
	count int                 // of names in small
	large map[string]struct{} // all names, if small is too small
}

// add reports whether name is new, and adds it.
func (n *nameSet) add(name []byte) bool {
	if n.large != nil {
		return n.addLarge(name)
	}
	for _, known := range n.small[:n.count] {
		if bytes.Equal(known, name) {
			return false
		}
	}
	if n.count < len(n.small) {
		n.small[n.count] = name
		n.count++
		return true
	}
	n.large = make(map[string]struct{}, 2*len(n.small))
	for _, known := range n.small {
		n.large[string(known)] = struct{}{}
	}
	return n.addLarge(name)
}

func (n *nameSet) addLarge(name []byte) bool {
	if _, found := n.large[string(name)]; found {
		return false
	}
	n.large[string(name)] = struct{}{}
	return true
}

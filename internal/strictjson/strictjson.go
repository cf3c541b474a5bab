// Package strictjson reads one JSON object from untrusted bytes and takes no
// form that two readers could understand differently.
//
// Beyond the grammar of RFC 8259 it refuses: anything before or after the
// object, a byte order mark, invalid UTF-8, lone surrogates, two members of
// one name in any object at any depth, and nesting deeper than [MaxDepth].
// encoding/json accepts each of these.
package strictjson

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// MaxDepth is how deep values may nest; no answer of this protocol needs
// more than four levels.
const MaxDepth = 32

// The errors name no content: what was read may be a secret.
var (
	errSyntax    = errors.New("not one well-formed JSON object")
	errUTF8      = errors.New("invalid UTF-8 in JSON")
	errDuplicate = errors.New("duplicate member in a JSON object")
	errDepth     = errors.New("JSON nested too deeply")
)

// Object reads data as exactly one JSON object and calls member for each of
// its members, in order. The name is decoded; it and the value point into
// data and are valid for the call only. An error of member's ends the reading
// and is returned as it is.
//
// Members may be reported before a fault further on is found: use what was
// gathered only if Object returns nil.
func Object(data []byte, member func(name []byte, value Value) error) error {
	s := scanner{data: data}
	s.space()
	if s.peek() != '{' {
		return errSyntax
	}
	if err := s.object(1, member); err != nil {
		return err
	}
	s.space()
	if s.at != len(data) {
		return errSyntax
	}
	return nil
}

// scanner walks over data once.
type scanner struct {
	data []byte
	at   int
}

// peek returns the next byte, or 0 at the end: no token starts with 0.
func (s *scanner) peek() byte {
	if s.at < len(s.data) {
		return s.data[s.at]
	}
	return 0
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// take consumes b, and the space before it, if it comes next.
func (s *scanner) take(b byte) bool {
	s.space()
	if s.peek() != b {
		return false
	}
	s.at++
	return true
}

// object consumes an object; member may be nil.
func (s *scanner) object(depth int, member func([]byte, Value) error) error {
	if depth > MaxDepth {
		return errDepth
	}
	s.take('{')
	if s.take('}') {
		return nil
	}
	var seen names
	for {
		if err := s.member(depth, &seen, member); err != nil {
			return err
		}
		if s.take('}') {
			return nil
		}
		if !s.take(',') {
			return errSyntax
		}
	}
}

func (s *scanner) member(depth int, seen *names, member func([]byte, Value) error) error {
	s.space()
	start := s.at
	if err := s.text(); err != nil {
		return err
	}
	name := decode(s.data[start:s.at])
	if !seen.add(name) {
		return errDuplicate
	}
	if !s.take(':') {
		return errSyntax
	}
	s.space()
	start = s.at
	if err := s.value(depth); err != nil {
		return err
	}
	if member == nil {
		return nil
	}
	return member(name, Value(s.data[start:s.at]))
}

func (s *scanner) value(depth int) error {
	switch s.peek() {
	case '{':
		return s.object(depth+1, nil)
	case '[':
		return s.array(depth + 1)
	case '"':
		return s.text()
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		return s.number()
	}
}

func (s *scanner) array(depth int) error {
	if depth > MaxDepth {
		return errDepth
	}
	s.take('[')
	if s.take(']') {
		return nil
	}
	for {
		s.space()
		if err := s.value(depth); err != nil {
			return err
		}
		if s.take(']') {
			return nil
		}
		if !s.take(',') {
			return errSyntax
		}
	}
}

func (s *scanner) literal(word string) error {
	if !bytes.HasPrefix(s.data[s.at:], []byte(word)) {
		return errSyntax
	}
	s.at += len(word)
	return nil
}

// number consumes a number of RFC 8259 §6.
func (s *scanner) number() error {
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else if !s.digits() {
		return errSyntax
	}
	if s.peek() == '.' {
		s.at++
		if !s.digits() {
			return errSyntax
		}
	}
	if b := s.peek(); b == 'e' || b == 'E' {
		s.at++
		if b := s.peek(); b == '+' || b == '-' {
			s.at++
		}
		if !s.digits() {
			return errSyntax
		}
	}
	return nil
}

// digits consumes digits and reports whether there was one.
func (s *scanner) digits() bool {
	start := s.at
	for b := s.peek(); b >= '0' && b <= '9'; b = s.peek() {
		s.at++
	}
	return s.at > start
}

// text consumes a string of RFC 8259 §7.
func (s *scanner) text() error {
	if s.peek() != '"' {
		return errSyntax
	}
	s.at++
	for s.at < len(s.data) {
		switch b := s.data[s.at]; {
		case b == '"':
			s.at++
			return nil
		case b == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		case b < 0x20:
			return errSyntax
		case b < utf8.RuneSelf:
			s.at++
		default:
			r, size := utf8.DecodeRune(s.data[s.at:])
			if r == utf8.RuneError && size == 1 {
				return errUTF8
			}
			s.at += size
		}
	}
	return errSyntax
}

// escape consumes one escape; a surrogate must come as a pair.
func (s *scanner) escape() error {
	r, size := unescape(s.data[s.at:])
	if size == 0 || r == utf8.RuneError && !isReplacement(s.data[s.at:]) {
		return errSyntax
	}
	s.at += size
	return nil
}

// names remembers the members of one object: few in an array, many in a map.
type names struct {
	few   [12][]byte
	count int
	many  map[string]struct{}
}

// add reports whether name is new.
func (n *names) add(name []byte) bool {
	if n.many != nil {
		if _, found := n.many[string(name)]; found {
			return false
		}
		n.many[string(name)] = struct{}{}
		return true
	}
	for _, known := range n.few[:n.count] {
		if bytes.Equal(known, name) {
			return false
		}
	}
	if n.count < len(n.few) {
		n.few[n.count] = name
		n.count++
		return true
	}
	n.many = make(map[string]struct{}, 2*len(n.few))
	for _, known := range n.few {
		n.many[string(known)] = struct{}{}
	}
	n.many[string(name)] = struct{}{}
	return true
}

package session

import (
	"cmp"
	"context"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// maxDecodedTypes bounds the types for which one token remembers its decoded
// claims. A program has a handful of claim types.
const maxDecodedTypes = 8

var errNoSession = errors.New("session: no session in the context; is the route behind RequireSession?")

// Claims returns the JWT claims of the session in ctx, decoded into a T. For
// example
//
//	type roles struct {
//		Role string `json:"role"`
//	}
//	claims, err := session.Claims[roles](r.Context())
//
// The claims are decoded once per token and type; later calls return the same
// value. Treat everything it points to as read-only. Claim names have to match
// exactly, unlike in encoding/json, which ignores case. The error tells that
// ctx has no session or that a claim does not fit into T.
func Claims[T any](ctx context.Context) (T, error) {
	s, ok := FromContext(ctx)
	if !ok {
		var zero T
		return zero, errNoSession
	}
	return claimsOf[T](s)
}

func claimsOf[T any](s *AuthSession) (T, error) {
	if s.token == nil {
		return decodeClaims[T](s.JWT)
	}
	t := reflect.TypeFor[T]()
	first := s.token.decoded.Load()
	for d := first; d != nil; d = d.next {
		if d.claimsType == t {
			value, _ := d.value.(T)
			return value, d.err
		}
	}
	value, err := decodeClaims[T](s.JWT)
	if first.count() < maxDecodedTypes {
		// Of two goroutines that decode at the same time one loses this race.
		// Its value is as good, and the next call finds the other's.
		s.token.decoded.CompareAndSwap(first, &decodedClaims{t, value, err, first})
	}
	return value, err
}

// decodedClaims is a list of the values that a token's claims were decoded to.
type decodedClaims struct {
	claimsType reflect.Type
	value      any
	err        error
	next       *decodedClaims
}

func (d *decodedClaims) count() (n int) {
	for ; d != nil; d = d.next {
		n++
	}
	return n
}

// decodeClaims decodes the payload of a JWT whose signature has been verified.
func decodeClaims[T any](jwt Secret) (claims T, err error) {
	payload, err := jwtPayload(jwt)
	if err != nil {
		return claims, err
	}
	exact, err := exactMembers(payload, reflect.TypeFor[T]())
	if err == nil {
		err = json.Unmarshal(exact, &claims)
	}
	if err != nil {
		var zero T
		return zero, fmt.Errorf("session: claims: %w", err)
	}
	return claims, nil
}

// jwtPayload returns the payload of a JWT in the compact form (RFC 7515 §3.1).
func jwtPayload(jwt Secret) ([]byte, error) {
	parts := strings.Split(jwt.Reveal(), ".")
	if len(parts) != 3 {
		return nil, errors.New("session: claims: not a JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, fmt.Errorf("session: claims: %w", err)
	}
	return payload, nil
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// exactMembers removes from data the members that no field of t names exactly.
// encoding/json would decode the claim "ROLE" into a field named "role", and two
// parties could then read one token differently.
func exactMembers(data json.RawMessage, t reflect.Type) (json.RawMessage, error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if pointer := reflect.PointerTo(t); pointer.Implements(jsonUnmarshaler) || pointer.Implements(textUnmarshaler) {
		return data, nil
	}
	switch t.Kind() {
	case reflect.Struct:
		fields := map[string]reflect.Type{}
		addJSONFields(fields, t, map[reflect.Type]bool{})
		return exactObject(data, func(name string) (reflect.Type, bool) {
			field, ok := fields[name]
			return field, ok
		})
	case reflect.Map:
		return exactObject(data, func(string) (reflect.Type, bool) { return t.Elem(), true })
	case reflect.Slice, reflect.Array:
		return exactArray(data, t.Elem())
	default:
		return data, nil
	}
}

func exactObject(data json.RawMessage, typeOf func(name string) (reflect.Type, bool)) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil {
		return data, nil // not an object: json.Unmarshal into the type reports it
	}
	for name, value := range members {
		t, ok := typeOf(name)
		if !ok {
			delete(members, name)
			continue
		}
		exact, err := exactMembers(value, t)
		if err != nil {
			return nil, err
		}
		members[name] = exact
	}
	return json.Marshal(members)
}

func exactArray(data json.RawMessage, element reflect.Type) (json.RawMessage, error) {
	var values []json.RawMessage
	if json.Unmarshal(data, &values) != nil {
		return data, nil // not an array: json.Unmarshal into the type reports it
	}
	for i := range values {
		exact, err := exactMembers(values[i], element)
		if err != nil {
			return nil, err
		}
		values[i] = exact
	}
	return json.Marshal(values)
}

// addJSONFields adds the member names that encoding/json knows for a struct
// type. It visits each embedded type once, because types can embed each other.
func addJSONFields(fields map[string]reflect.Type, t reflect.Type, visited map[reflect.Type]bool) {
	if visited[t] {
		return
	}
	visited[t] = true
	var embedded []reflect.Type
	for i := range t.NumField() {
		field := t.Field(i)
		tag := field.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		structType := field.Type
		if structType.Kind() == reflect.Pointer {
			structType = structType.Elem()
		}
		isEmbedded := field.Anonymous && structType.Kind() == reflect.Struct
		switch {
		case tag == "-":
		case isEmbedded && name == "":
			embedded = append(embedded, structType)
		case !field.IsExported() && !isEmbedded:
		case fields[cmp.Or(name, field.Name)] == nil:
			fields[cmp.Or(name, field.Name)] = field.Type
		}
	}
	for _, structType := range embedded { // last, because their fields are shadowed
		addJSONFields(fields, structType, visited)
	}
}

// Package exactjson decodes JSON with exact member names. encoding/json ignores
// the case of names: it would decode the claim "ROLE" into a field named "role",
// and two parties could then read one token differently.
package exactjson

import (
	"cmp"
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
)

// Unmarshal is json.Unmarshal, except that a member is decoded into a struct field
// only if its name is exactly that of the field. Types with an UnmarshalJSON or
// UnmarshalText method decode themselves.
func Unmarshal(data []byte, v any) error {
	exact, err := exactMembers(data, reflect.TypeOf(v))
	if err != nil {
		return err
	}
	return json.Unmarshal(exact, v)
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// exactMembers removes from data the members that no field of t names exactly.
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

package fleetlab_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"reflect"
	"unsafe"

	"github.com/crossmint-go/auth/session/redis"
	"github.com/redis/rueidis"
)

// dialBy has a coordinator that was not used yet make its connections by dial.
// Its Config has no place for that, so it is written into the options of the
// client that the coordinator is going to make.
func dialBy(c *redis.Coordinator, dial func(context.Context) (net.Conn, error)) error {
	field := reflect.ValueOf(c).Elem()
	for _, name := range []string{"store", "option"} {
		if field.Kind() == reflect.Pointer {
			field = field.Elem()
		}
		if field = field.FieldByName(name); !field.IsValid() {
			break
		}
	}
	if !field.IsValid() || field.Type() != reflect.TypeFor[func() rueidis.ClientOption]() {
		return errors.New("a redis.Coordinator keeps its client's options elsewhere by now: look at its fields")
	}
	options := (*func() rueidis.ClientOption)(unsafe.Pointer(field.UnsafeAddr()))
	option := (*options)()
	option.DialCtxFn = func(ctx context.Context, _ string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) { return dial(ctx) }
	*options = func() rueidis.ClientOption { return option }
	return nil
}

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

// setDialer sets the function with which an unused coordinator makes its
// connections. redis.Config has no field for it, so setDialer changes the options of
// the coordinator's client in place.
func setDialer(c *redis.Coordinator, dial func(context.Context) (net.Conn, error)) error {
	field := reflect.ValueOf(c).Elem()
	for _, name := range []string{"operations", "store", "option"} {
		for field.Kind() == reflect.Pointer || field.Kind() == reflect.Interface {
			field = field.Elem()
		}
		if field = field.FieldByName(name); !field.IsValid() {
			break
		}
	}
	if !field.IsValid() || field.Type() != reflect.TypeFor[func() rueidis.ClientOption]() {
		return errors.New("redis.Coordinator has no field operations.store.option with the client's options: adapt setDialer to its fields")
	}
	options := (*func() rueidis.ClientOption)(unsafe.Pointer(field.UnsafeAddr()))
	option := (*options)()
	option.DialCtxFn = func(ctx context.Context, _ string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) { return dial(ctx) }
	*options = func() rueidis.ClientOption { return option }
	return nil
}

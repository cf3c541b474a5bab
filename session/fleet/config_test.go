package fleet_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/fleet/fleettest"
	"github.com/google/go-cmp/cmp"
)

func TestConfig(t *testing.T) {
	store := new(fleettest.Memory).Open()
	for _, test := range []struct {
		name   string
		config fleet.Config
		want   []string
	}{
		{name: "store and secret", config: fleet.Config{Store: store, Secret: secret}},
		{name: "two secrets", config: fleet.Config{Store: store, Secret: secret, PreviousSecret: previous}},
		{name: "nothing", want: []string{"fleet: Store is required", "fleet: Secret must have 32 bytes or more, not 0"}},
		{name: "a short previous secret", config: fleet.Config{Store: store, Secret: secret, PreviousSecret: session.NewSecret("x")}, want: []string{
			"fleet: PreviousSecret must have 32 bytes or more, not 1",
		}},
		{name: "one secret twice", config: fleet.Config{Store: store, Secret: secret, PreviousSecret: secret}, want: []string{"fleet: PreviousSecret must not be Secret"}},
		{name: "durations", config: fleet.Config{Store: store, Secret: secret, Grace: -1, Timeout: time.Hour}, want: []string{
			"fleet: Grace must be between 0 and 1m0s", "fleet: Timeout must be between 0 and 2s",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := fleet.New(test.config)
			got := ""
			if err != nil {
				got = err.Error()
			} else if shown := fmt.Sprintf("%+v", c); shown != "fleet.Coordinator" {
				t.Errorf("a coordinator prints its keys: %s", shown)
			}
			if diff := cmp.Diff(strings.Join(test.want, "\n"), got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

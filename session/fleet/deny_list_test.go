package fleet_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/fleet/fleettest"
	"github.com/google/go-cmp/cmp"
)

// denials are the denials that an instance has received.
type denials struct {
	mu       sync.Mutex // guards received
	received map[[32]byte]time.Time
}

func (d *denials) add(digest [32]byte, until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.received == nil {
		d.received = map[[32]byte]time.Time{}
	}
	d.received[digest] = until
}

func (d *denials) size() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.received)
}

func (d *denials) has(digest [32]byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, found := d.received[digest]
	return found
}

func digestOf(n int) [32]byte { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))) }

func TestDenials(t *testing.T) {
	t.Run("one that has expired is not stored", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			if err := p.a.Deny(t.Context(), digestOf(0), time.Now()); err != nil {
				t.Fatal(err)
			}
			if n := len(p.memory.Dump()); n > 0 {
				t.Errorf("the store has %d records", n)
			}
		})
	})
	t.Run("one lives as long as its JWT, and for thirty days at most", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			month := 30 * 24 * time.Hour
			for n, until := range []time.Duration{time.Hour, 2 * month} {
				if err := p.a.Deny(t.Context(), digestOf(n), time.Now().Add(until)); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(p.memory.Dump()); n != 2 {
				t.Errorf("the store has %d records", n)
			}
			time.Sleep(2 * time.Hour)
			if n := len(p.memory.Dump()); n != 1 {
				t.Errorf("after the hour the store has %d records", n)
			}
			time.Sleep(month)
			if n := len(p.memory.Dump()); n != 0 {
				t.Errorf("after the month the store has %d records", n)
			}
		})
	})
	t.Run("the store may fail for hours", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			got := &denials{}
			p.b.OnDeny(got.add)
			p.stores[0].SetFaults(func(fleettest.Operation) fleettest.Fault { return fleettest.Fault{Before: true} })
			if err := p.a.Deny(t.Context(), digestOf(0), time.Now().Add(24*time.Hour)); err == nil {
				t.Error("the denial was published without the store")
			}
			time.Sleep(5 * time.Hour)
			p.stores[0].SetFaults(nil)
			time.Sleep(10 * time.Second)
			if got.size() != 1 {
				t.Error("the denial was not received")
			}
		})
	})
	t.Run("a reading that fails goes on where it was", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			if err := p.a.Deny(t.Context(), digestOf(0), time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			var loads atomic.Int64
			got := &denials{}
			p.stores[1].SetFaults(func(op fleettest.Operation) fleettest.Fault {
				if op != fleettest.Load {
					return fleettest.Fault{}
				}
				n := loads.Add(1)
				return fleettest.Fault{Before: n > 40 && n <= 50}
			})
			p.b.OnDeny(got.add)
			time.Sleep(time.Minute)
			if n := loads.Load(); got.size() != 1 || n > 64+10 {
				t.Errorf("%d denials received with %d loads", got.size(), n)
			}
		})
	})
	t.Run("records that can be read do not wait for one that cannot", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			n := 0
			for fleet.PartOf(secret, digestOf(n)) != fleet.PartOf(secret, digestOf(-1))+2 {
				n++
			}
			for _, n := range []int{-1, n} {
				if err := p.a.Deny(t.Context(), digestOf(n), time.Now().Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			broken := fmt.Sprintf("d%02o.", fleet.PartOf(secret, digestOf(-1)))
			p.stores[1].SetKeyFaults(func(op fleettest.Operation, key string) fleettest.Fault {
				return fleettest.Fault{Before: op == fleettest.Load && strings.HasPrefix(key, broken)}
			})
			got := &denials{}
			p.b.OnDeny(got.add)
			time.Sleep(time.Minute)
			if !got.has(digestOf(n)) || got.size() != 1 {
				t.Errorf("%d denials received, want the one that can be read", got.size())
			}
			if n := p.count(event.StoreDegraded); n != 1 {
				t.Errorf("%d events, want one", n)
			}
			p.stores[1].SetFaults(nil)
			time.Sleep(time.Second)
			if got.size() != 2 || p.count(event.StoreRecovered) != 1 {
				t.Errorf("%d denials received, %d events of the end; want 2 and 1", got.size(), p.count(event.StoreRecovered))
			}
		})
	})
	t.Run("a message that cannot be sent is reported", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			p.stores[0].SetFaults(func(op fleettest.Operation) fleettest.Fault { return fleettest.Fault{Before: op == fleettest.Publish} })
			if err := p.a.Deny(t.Context(), digestOf(0), time.Now().Add(time.Hour)); err == nil {
				t.Error("Deny returned no error")
			}
			if p.count(event.StoreDegraded) != 1 {
				t.Error("no event reports the failure")
			}
		})
	})
	t.Run("a closed coordinator shares none", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			_ = p.a.Close(context.Background())
			p.a.OnDeny(func([32]byte, time.Time) { t.Error("a denial was received") })
			if err := p.a.Deny(t.Context(), digestOf(0), time.Now().Add(time.Hour)); err == nil {
				t.Error("it published a denial")
			}
		})
	})
}

// Of a part that is full, the denials that expire first are removed.
func TestDenialsAreBounded(t *testing.T) {
	onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
		var part [][32]byte
		for n := 0; len(part) < fleet.MaxPartDenials+10; n++ {
			if d := digestOf(n); fleet.PartOf(secret, d) == 0 {
				part = append(part, d)
			}
		}
		now := time.Now()
		for n, d := range part {
			if err := p.a.Deny(t.Context(), d, now.Add(time.Hour+time.Duration(n)*time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		got := &denials{}
		p.b.OnDeny(got.add)
		synctest.Wait()
		for n, d := range part {
			if found := got.has(d); found != (n >= 10) {
				t.Errorf("denial %d was received: %t", n, found)
			}
		}
	})
}

// A party that can write to the store, but lacks the secret, cannot deny a JWT.
func TestForgedDenials(t *testing.T) {
	onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
		before, after := &denials{}, &denials{}
		p.b.OnDeny(before.add)
		hour := time.Now().Add(time.Hour).Truncate(time.Millisecond)
		if err := p.a.Deny(t.Context(), digestOf(0), hour); err != nil {
			t.Fatal(err)
		}
		key := p.key('d')
		good, own := p.memory.Dump()[key], digestOf(1)
		foreign, err := fleet.SealDenial(session.NewSecret(strings.Repeat("x", 32)), own, hour)
		if err != nil {
			t.Fatal(err)
		}
		forged := [][]byte{nil, []byte("gibberish"), own[:], foreign, bytes.Repeat([]byte("d"), 1<<16), append(bytes.Clone(good[:len(good)-48]), own[:]...)}
		for n := range good { // the kind, the version, the expiry, all of it
			changed := bytes.Clone(good)
			changed[n] ^= 1
			forged = append(forged, changed, good[:n])
		}
		store := p.memory.Open()
		topic := "d." + strings.Split(key, ".")[1]
		for _, denial := range forged {
			if err := store.Publish(t.Context(), topic, denial); err != nil {
				t.Fatal(err)
			}
		}
		p.write(key, append(append(bytes.Clone(good), foreign...), "the rest"...))
		p.a.OnDeny(after.add)
		synctest.Wait()
		for _, got := range []*denials{before, after} {
			if diff := cmp.Diff(map[[32]byte]time.Time{digestOf(0): hour}, got.received); diff != "" {
				t.Errorf("denials (-want +got):\n%s", diff)
			}
		}
	})
}

// All instances that connect again at once get what they missed, with one event each
// for the loss of the connection.
func TestDenialsAfterALostConnection(t *testing.T) {
	onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
		const instances, many = 40, 500
		all := make([]denials, instances)
		for n := range all {
			p.open(fleet.Config{}).OnDeny(all[n].add)
		}
		synctest.Wait()
		for _, s := range p.stores[2:] {
			s.SetFaults(func(op fleettest.Operation) fleettest.Fault {
				return fleettest.Fault{Before: op == fleettest.Subscribe}
			})
			s.Disconnect()
		}
		for n := range many {
			if err := p.a.Deny(t.Context(), digestOf(n), time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range p.stores[2:] {
			s.SetFaults(nil)
		}
		time.Sleep(10 * time.Second)
		for n := range all {
			if got := all[n].size(); got != many {
				t.Errorf("an instance received %d denials, want %d", got, many)
			}
		}
		if n := p.count(event.StoreDegraded); n > instances {
			t.Errorf("%d events of %d instances", n, instances)
		}
	})
}

func TestPendingLogoutsAreBounded(t *testing.T) {
	onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
		p.stores[0].SetFaults(func(fleettest.Operation) fleettest.Fault { return fleettest.Fault{Before: true} })
		hour := time.Now().Add(time.Hour)
		for n := range fleet.MaxPendingLogouts {
			var err error
			if n%2 == 0 {
				_, err = p.a.Logout(t.Context(), session.NewSecret(fmt.Sprint(n)))
			} else {
				err = p.a.Deny(t.Context(), digestOf(n), hour)
			}
			if err == nil || strings.Contains(err.Error(), "too many") {
				t.Fatalf("logout %d: %v, want the error of the store only", n, err)
			}
		}
		_, logoutErr := p.a.Logout(t.Context(), session.NewSecret("one more"))
		for _, err := range []error{logoutErr, p.a.Deny(t.Context(), digestOf(-1), hour)} {
			if err == nil || !strings.Contains(err.Error(), "too many writes wait for the store") {
				t.Errorf("err = %v, want one that there are too many", err)
			}
		}
	})
}

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/crossmint-go/auth/internal/fleetfigures"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/redis"
	"github.com/redis/rueidis"
)

// listeners prints the CPU time of the store for a refresh that two instances share,
// alone and with many more instances, and the commands of that fleet while it is idle.
// The refreshes come one at a time, so that the store sleeps between two commands, and
// many at once.
func listeners(url string) {
	const more, atOnce, idle = 1000, 64, 20 * time.Second
	raw := newClient(url)
	defer raw.Close()
	report := func(instances string) {
		fmt.Printf("  CPU time of the store for a shared refresh, %s: %v each, %v if %d come at once\n",
			instances, cpuPerRefresh(url, raw, refreshes, 1), cpuPerRefresh(url, raw, 10*refreshes, atOnce), atOnce)
	}
	report("two instances")
	var instances []*fleet.Coordinator
	for range more {
		c := newQuietInstance(url, nil)
		c.OnDeny(func([sha256.Size]byte, time.Time) {})
		instances = append(instances, c)
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(10 * time.Second) // they connect
	report(fmt.Sprintf("%d more", more))
	before := info(raw, "total_commands_processed")
	time.Sleep(idle)
	fmt.Printf("    commands of %d idle instances: %.1f a second\n", more, (info(raw, "total_commands_processed")-before)/idle.Seconds())
	closeAll(instances)
}

// newQuietInstance returns an instance that counts outages, and logs nothing.
func newQuietInstance(url string, outages *atomic.Int64) *fleet.Coordinator {
	c, err := redis.New(redis.Config{
		URL: session.NewSecret(url), Secret: session.NewSecret("a secret for measurements, of 32 bytes"),
		OnEvent: func(_ context.Context, e event.Event) {
			if e.Outcome == event.StoreDegraded && outages != nil {
				outages.Add(1)
			}
		},
	})
	check(err)
	return c
}

func closeAll(instances []*fleet.Coordinator) {
	var all sync.WaitGroup
	for _, c := range instances {
		all.Go(func() { check(c.Close(context.Background())) })
	}
	all.Wait()
}

// cpuPerRefresh returns the CPU time of the store for one of some shared refreshes.
func cpuPerRefresh(url string, raw rueidis.Client, refreshes, atOnce int) time.Duration {
	check(raw.Do(context.Background(), raw.B().Flushall().Build()).Error()) // Measure repeats its tokens
	before := cpuOf(raw)
	_, _, err := fleetfigures.Measure(newInstance(url), newInstance(url), refreshes, atOnce)
	check(err)
	return ((cpuOf(raw) - before) / time.Duration(refreshes)).Round(time.Microsecond)
}

// cpuOf returns the CPU time of the store so far.
func cpuOf(raw rueidis.Client) time.Duration {
	return time.Duration((info(raw, "used_cpu_user") + info(raw, "used_cpu_sys")) * float64(time.Second))
}

// ownCPU returns the CPU time of this process so far.
func ownCPU() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// denials prints the time in which many instances read all denied JWTs at once, when
// they start and when they connect again, and the events of that.
func denials(url string) {
	const many, size = 1 << 16, 40
	first, until := newInstance(url), time.Now().Add(24*time.Hour)
	var all sync.WaitGroup
	for worker := range 32 {
		all.Go(func() {
			for n := worker; n < many; n += 32 {
				deny(first, strconv.Itoa(n), until)
			}
		})
	}
	all.Wait()
	var events, received atomic.Int64
	var instances []*fleet.Coordinator
	raw := newClient(url)
	defer raw.Close()
	cpu := func() time.Duration { return cpuOf(raw) + ownCPU() }
	started, before := time.Now(), cpu()
	for range size {
		c := newQuietInstance(url, &events)
		var mu sync.Mutex // guards seen
		seen := map[[sha256.Size]byte]bool{}
		c.OnDeny(func(d [sha256.Size]byte, _ time.Time) {
			mu.Lock()
			defer mu.Unlock()
			if !seen[d] {
				seen[d] = true
				received.Add(1)
			}
		})
		instances = append(instances, c)
	}
	await(&received, size*many*98/100) // parts that are full drop some
	fmt.Printf("  %d denied JWTs, %d instances start at once: %v, %d events, CPU time of the instances and the store %v\n",
		many, size, time.Since(started).Round(time.Millisecond), events.Load(), (cpu() - before).Round(time.Millisecond))
	known, atStart := received.Load(), events.Load()
	started = time.Now()
	for _, kind := range []string{"pubsub", "normal"} {
		check(raw.Do(context.Background(), raw.B().Arbitrary("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes").Build()).Error())
	}
	deny(first, "one more", until)
	await(&received, known+size)
	fmt.Printf("    they connect again: the denial of the meantime after %v, %d events\n", time.Since(started).Round(time.Millisecond), events.Load()-atStart)
	closeAll(append(instances, first))
}

// deny denies a JWT, also while the machine is so loaded that the store is late.
func deny(c *fleet.Coordinator, jwt string, until time.Time) {
	for c.Deny(context.Background(), sha256.Sum256([]byte(jwt)), until) != nil {
		time.Sleep(10 * time.Millisecond)
	}
}

// await waits until n has reached want.
func await(n *atomic.Int64, want int64) {
	for n.Load() < want {
		time.Sleep(time.Millisecond)
	}
}

func newClient(url string) rueidis.Client {
	option, err := rueidis.ParseURL(url)
	check(err)
	option.DisableCache, option.ForceSingleClient = true, true
	client, err := rueidis.NewClient(option)
	check(err)
	return client
}

// info returns a number that the store tells about itself.
func info(raw rueidis.Client, name string) float64 {
	all, err := raw.Do(context.Background(), raw.B().Info().Build()).ToString()
	check(err)
	_, rest, _ := strings.Cut(all, "\n"+name+":")
	value, _, _ := strings.Cut(rest, "\r")
	n, err := strconv.ParseFloat(value, 64)
	check(err)
	return n
}

package redis

import (
	"context"
	"time"

	"github.com/crossmint-go/auth/session"
)

// This file is what a flight reads from the record of a token and writes to it.

// remembered reads the value that was found, and reports whether it could. Who
// has waited for it takes it as it is; who comes later gets the newest that
// follows it.
func (f *flight) remembered(ctx context.Context, e entry, late bool) (landing, bool) {
	kind, plain, err := f.c.keys.open(f.token, e.value)
	if err != nil {
		return landing{}, false
	}
	if kind == kindRefusal {
		refusal, err := unmarshalRefusal(plain)
		return landing{shared: session.Shared{Remembered: true}, err: refusal}, err == nil
	}
	grant, ok := f.c.openGrant(f.token, e.value)
	if !ok {
		return landing{}, false
	}
	shared := session.Shared{Grant: grant, Remembered: true, Until: e.until}
	if late {
		err = f.follow(ctx, &shared)
	}
	return landing{shared: shared, err: err}, true
}

// follow follows the rotations from a grant to the newest. A store that fails
// on the way has told enough.
func (f *flight) follow(ctx context.Context, shared *session.Shared) error {
	for range maxChain - 1 {
		token := shared.Grant.RefreshToken.Secret
		e, err := f.c.store.enter(ctx, f.c.keys.name(token), "", nil)
		if err == nil && e.state == stateOut {
			shared.Grant = nil
			return session.ErrLoggedOut
		}
		next, ok := f.c.openGrant(token, e.value)
		if err != nil || !ok || token.Equal(next.RefreshToken.Secret) {
			break
		}
		shared.Grant = next
	}
	return nil
}

// land records what the work came to and heeds what the record said.
func (f *flight) land(ctx context.Context, o outcome) landing {
	if f.doubted || f.c.store.breaker.doubts() || o.certain() && f.c.presence.misses(ctx) {
		o.doubt()
	}
	if o.kind != kindNone {
		f.c.late.forget(f.name, f.c.late.keptOf(f.name))
	}
	// Also who was told to end releases the lock.
	said, err := f.record(context.WithoutCancel(ctx), o, time.Now().Add(f.c.ageOf(o.kind)))
	switch {
	case err != nil:
		o.doubt()
		f.c.late.add(f, o)
	case said.state == stateOut:
		return landing{err: session.ErrLoggedOut, orphan: o.grant}
	case said.state == stateValue:
		if l, ok := f.remembered(ctx, said, true); ok && l.err == nil {
			return l
		}
		o.doubt()
	case said.state == stateLost:
		o.doubt()
	}
	if o.err != nil {
		return landing{err: o.err}
	}
	return landing{shared: session.Shared{Grant: o.grant}}
}

// record writes an outcome into the store, where it ends at until.
func (f *flight) record(ctx context.Context, o outcome, until time.Time) (said entry, err error) {
	plain, err := o.plain()
	if err != nil {
		return entry{}, err
	}
	follows, age := !o.repeats(f.token), time.Until(until)
	if o.kind == kindGrant && !follows {
		age = min(age, time.Second) // nothing is to be remembered
	}
	var sealed []byte
	if plain != nil {
		if sealed, err = f.c.keys.seal(f.token, o.kind, until, plain); err != nil {
			return entry{}, err
		}
	}
	return f.c.store.settle(ctx, f.name, f.owner, o.kind, sealed, age, follows, o.certain())
}

// ageOf is how long a value of a kind is remembered.
func (c *Coordinator) ageOf(k kind) time.Duration {
	switch k {
	case kindKept:
		return keptAge
	case kindRefusal:
		return refusalAge
	default:
		return c.grace
	}
}

package handlers

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/crossmint-go/auth/internal/ttlmap"
	"github.com/crossmint-go/auth/session"
)

const (
	// confirmedTTL is the time for which a confirmed code stays valid here. Upstream
	// accepts it once, and the response can get lost: a browser cancels a form when
	// its user clicks again, and a phone loses its connection.
	confirmedTTL = time.Minute
	// deliveredTTL replaces confirmedTTL when a response with the session has left.
	// It is shorter than session.Config.Grace (10 s), after which the manager would
	// send the used one-time secret to upstream again.
	deliveredTTL = 8 * time.Second
	// maxConfirmed bounds the memory, of about 200 bytes each: more codes than
	// maxSends lets out in confirmedTTL.
	maxConfirmed = 1 << 12
	// maxSubmits bounds the requests that wait for one confirmation.
	maxSubmits = 16
)

// confirmations share the confirmation of a code, or of a wallet's signature, between
// all submits of a form.
type confirmations struct {
	secret *[sha256.Size]byte // key of the HMACs
	// abandoned receives the error of a call whose requests have all ended before it,
	// for example a wrong code: a client could hide its guesses by disconnecting.
	abandoned func(ctx context.Context, err error)

	mu        sync.Mutex // guards all below
	running   map[confirmationKey]*confirmation
	confirmed *ttlmap.Map[confirmationKey, session.Secret] // by e-mail ID and code
	signedIn  *ttlmap.Map[confirmationKey, struct{}]       // by refresh token and code
}

// A confirmationKey is an HMAC: the memory holds no code in plain text.
type confirmationKey [sha256.Size]byte

// A confirmation is one call that several submits share. Its results are set before
// done is closed.
type confirmation struct {
	submits int // that wait; guarded by confirmations.mu
	done    chan struct{}
	secret  session.Secret
	err     error
}

func newConfirmations(abandoned func(context.Context, error)) *confirmations {
	c := &confirmations{
		secret: new([sha256.Size]byte), abandoned: abandoned, running: map[confirmationKey]*confirmation{},
		confirmed: ttlmap.New[confirmationKey, session.Secret](confirmedTTL, maxConfirmed),
		signedIn:  ttlmap.New[confirmationKey, struct{}](confirmedTTL, maxConfirmed),
	}
	_, _ = rand.Read(c.secret[:]) // never fails
	return c
}

// key returns the key of a code together with an e-mail ID or a refresh token.
func (c *confirmations) key(id session.Secret, code string) (k confirmationKey) {
	mac := hmac.New(sha256.New, c.secret[:])
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(id.Reveal()))))
	mac.Write([]byte(id.Reveal()))
	mac.Write([]byte(code))
	mac.Sum(k[:0])
	return k
}

// get returns the one-time secret of a code that was confirmed a short time ago.
func (c *confirmations) get(k confirmationKey) (secret session.Secret, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.confirmed.Get(k)
}

// do calls confirm, unless the code was confirmed a short time ago, or waits for the
// call of another submit. The call does not belong to ctx: it runs on, within
// codeTimeout, when the browser cancels its request. Only a confirmed code is
// remembered.
func (c *confirmations) do(ctx context.Context, k confirmationKey, confirm func(context.Context) (session.Secret, error)) (session.Secret, error) {
	shared, err := c.join(ctx, k, confirm)
	if err != nil {
		return session.Secret{}, err
	}
	select {
	case <-shared.done:
		return shared.secret, shared.err
	case <-ctx.Done():
		c.leave(shared)
		return session.Secret{}, &session.UpstreamError{Kind: session.ErrUnavailable, Op: opSignIn, Err: ctx.Err()}
	}
}

// join returns the confirmation to wait for: one that has ended a short time ago, the
// running one, or a new one.
func (c *confirmations) join(ctx context.Context, k confirmationKey, confirm func(context.Context) (session.Secret, error)) (*confirmation, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	shared := c.running[k]
	secret, confirmed := c.confirmed.Get(k)
	switch {
	case confirmed:
		shared = &confirmation{done: make(chan struct{}), secret: secret}
		close(shared.done)
	case shared == nil:
		shared = &confirmation{done: make(chan struct{})}
		c.running[k] = shared
		go c.run(context.WithoutCancel(ctx), k, shared, confirm)
	case shared.submits >= maxSubmits:
		return nil, errLimited
	}
	shared.submits++
	return shared, nil
}

// leave ends the wait of a submit whose request has ended.
func (c *confirmations) leave(shared *confirmation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	shared.submits--
}

// run makes the call and publishes its result. It recovers a panic of an EmailCodes,
// which would end the process.
func (c *confirmations) run(ctx context.Context, k confirmationKey, shared *confirmation, confirm func(context.Context) (session.Secret, error)) {
	ctx, cancel := context.WithTimeout(ctx, codeTimeout)
	defer cancel()
	secret, err := session.Secret{}, errConfirmStopped
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p}
		}
		shared.secret, shared.err = secret, err
		if submits := c.finish(k, shared); submits == 0 && err != nil && ctx.Err() == nil {
			c.abandoned(ctx, err)
		}
	}()
	secret, err = confirm(ctx)
}

// finish ends a call, and returns the number of submits that wait for its result.
func (c *confirmations) finish(k confirmationKey, shared *confirmation) (submits int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.running, k)
	if shared.err == nil {
		c.confirmed.Put(k, shared.secret)
	}
	close(shared.done)
	return shared.submits
}

var errConfirmStopped = errors.New("handlers: the confirmation has left its goroutine")

// A panicError is a recovered panic of an EmailCodes.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("handlers: EmailCodes: panic: %v", e.value) }

// markDelivered notes that a browser has the session of a code. confirmed is the key
// of its confirmation, and signedIn that of the session's refresh token.
func (c *confirmations) markDelivered(confirmed, signedIn confirmationKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.signedIn.Get(signedIn); known {
		return // a later delivery does not prolong the time
	}
	if secret, found := c.confirmed.Get(confirmed); found {
		c.confirmed.PutUntil(confirmed, secret, time.Now().Add(deliveredTTL))
	}
	c.signedIn.Put(signedIn, struct{}{})
}

// isDelivered reports whether a response has delivered a session a short time ago.
func (c *confirmations) isDelivered(signedIn confirmationKey) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, found := c.signedIn.Get(signedIn)
	return found
}

// isSignedIn reports whether one of the sessions of a request has come from the code a
// short time ago. Then the form was submitted again after its first response.
func (c *confirmations) isSignedIn(presented session.Material, code string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	pairs := slices.Concat([]session.Pair{{RefreshToken: presented.RefreshToken}}, presented.Others)
	return slices.ContainsFunc(pairs, func(p session.Pair) bool {
		_, found := c.signedIn.Get(c.key(p.RefreshToken, code))
		return found
	})
}

// Package crossminttest is a fake Crossmint: a server that speaks the wire
// protocol, signs its own JWTs, rotates single-use refresh tokens, counts the
// calls and fails on demand. Tests drive a program against it without an API
// key and without a network; the example runs on it.
//
//	fake, err := crossminttest.New(crossminttest.Config{})
//	if err != nil {
//		t.Fatal(err)
//	}
//	defer fake.Close()
//
//	client, err := crossmint.NewClient(fake.Config())
//
//	// A browser that is signed in, and whose JWT has just expired. Its site
//	// is a httptest.NewTLSServer: what a refresh writes is Secure, and before
//	// Go 1.26 a jar does not send that over plain http.
//	jar, _ := cookiejar.New(nil)
//	fake.SignInExpired(jar, siteURL, "ada@example.com")
//
//	// Crossmint rotates the refresh token, and its answer is lost:
//	fake.Fail(crossminttest.Refresh, crossminttest.LoseAnswer())
//
//	// ... one request of that browser ...
//
//	if got := fake.Calls().Refresh; got != 2 {
//		t.Errorf("refresh calls = %d, want 2", got)
//	}
//
// # People
//
// Somebody becomes a user with [Server.NewUser], with the first sign-in by
// e-mail ([Server.SignIn]), or over HTTP as a browser would do it: by an
// e-mail code, which [Server.Code] reads from the inbox, by a social account
// or by a wallet.
//
// # Refresh tokens
//
// Each is accepted once and replaced by a successor. All that follow from one
// sign-in are a family. What becomes of a token that is presented again is the
// [ReusePolicy]. Logging out with a token that a refresh would take revokes
// its family; with any other it revokes nothing and answers 200 all the same.
//
// # Time
//
// The fake lives by [time.Now]. Inside a testing/synctest bubble that is the
// bubble's time, and an hour passes at once. Sockets do not work there: set
// [Config.InMemory], call [New] inside the bubble and Close before its end.
//
// # Faults
//
// A [Fault] strikes instead of a call or after it has taken effect, and each
// says which: a reset before the rotation and an answer lost after it look the
// same to a client. [Edit] and [Replace] falsify an answer; a function that
// waits in them holds it back, so that a test can decide which of two answers
// comes first. [Server.Down] refuses connections.
//
// # What it does not claim
//
// The live service documents neither its reuse policy, nor its issuers, nor
// the texts of its errors. Where the protocol is unknown the fake does what
// is hardest for a client, or leaves it to [Config]. It checks no signatures
// of wallets and shows no consent pages.
package crossminttest

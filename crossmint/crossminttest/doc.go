// Package crossminttest is a fake of Crossmint: a server that speaks the HTTP
// protocol, signs its own JWTs, rotates single-use refresh tokens, counts calls
// and fails on demand. Tests run a program against it without an API key and
// without a network; the example runs on it.
//
//	fake, err := crossminttest.New(crossminttest.Config{})
//	if err != nil {
//		t.Fatal(err)
//	}
//	defer fake.Close()
//
//	client, err := crossmint.NewClient(fake.Config())
//
//	// A browser is signed in, and its JWT has just expired. The site is an
//	// httptest.NewTLSServer: the cookies of a refresh are Secure, and before
//	// Go 1.26 a jar does not send those over plain http.
//	jar, _ := cookiejar.New(nil)
//	fake.SignInExpired(jar, siteURL, "ada@example.com")
//
//	// Crossmint rotates the refresh token, and its response is lost:
//	fake.Fail(crossminttest.Refresh, crossminttest.LoseResponse())
//
//	// ... one request of that browser ...
//
//	if got := fake.Calls().Refresh; got != 2 {
//		t.Errorf("refresh calls = %d, want 2", got)
//	}
//
// # Users
//
// A user is created by [Server.NewUser], by the first sign-in by e-mail
// ([Server.SignIn]), or over HTTP as a browser does it: by an e-mail code, which
// [Server.Code] returns, by a social account or by a wallet.
//
// # Refresh tokens
//
// Each token is accepted once and replaced by a successor. All successors of one
// sign-in are a family. The [ReusePolicy] decides about a token that is presented
// again. A logout with a token that a refresh would accept revokes its family;
// with any other token it revokes nothing and also responds with 200.
//
// # Time
//
// The fake uses [time.Now]. Inside a testing/synctest bubble that is the time of
// the bubble, and an hour passes at once. Sockets do not work there: set
// [Config.InMemory], call [New] inside the bubble and Close before its end.
//
// # Faults
//
// A [Fault] happens instead of a call or after it has taken effect, and the
// comment of each tells which: a client cannot distinguish a reset before the
// rotation from a response that is lost after it. [Edit] and [Replace] change a
// response. Their function may block, so that a test can decide which of two
// responses arrives first. [Server.Down] refuses connections.
//
// # Limits
//
// The documentation of the real service does not contain its reuse policy, its
// issuers and its error messages. Where the protocol is unknown, the fake
// chooses the hardest case for a client, or [Config] decides. It checks no signatures of
// wallets and shows no consent pages: a social account signs its only user in, and the
// callback page sends the one-time secret to the page that opened it.
package crossminttest

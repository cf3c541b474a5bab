package cookie_test

import (
	"fmt"
	"net/http/httptest"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/session"
)

// A login that ends on the server stores its session with Write.
func ExampleCodec_Write() {
	codec, err := cookie.NewCodec(cookie.Config{ProjectID: "b5a3bd1c-1c5a-4f0e-9a53-3c1f0f6f3d10"})
	if err != nil {
		fmt.Println(err)
		return
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil)
	err = codec.Write(w, r, &session.Grant{
		JWT:          session.NewSecret("header.claims.signature"),
		RefreshToken: session.RefreshToken{Secret: session.NewSecret("secret")},
	})
	fmt.Println(err)
	for _, line := range w.Header()["Set-Cookie"] {
		fmt.Println(line)
	}
	// Output:
	// <nil>
	// crossmint-session=header.claims.signature; Path=/; Secure; SameSite=Lax
	// crossmint-refresh-token=secret; Path=/; HttpOnly; Secure; SameSite=Lax
}

// Browsers enforce the prefixes of cookie names. One error reports all faults of a
// configuration.
func ExampleNewCodec() {
	_, err := cookie.NewCodec(cookie.Config{
		Names:  cookie.Names{JWT: "__Host-jwt", RefreshToken: "__Host-refresh"},
		Domain: "example.com",
	})
	fmt.Println(err)
	// Output:
	// cookie: ProjectID is required
	// cookie: the prefix of __Host-jwt forbids a Domain
	// cookie: the prefix of __Host-refresh forbids a Domain
}

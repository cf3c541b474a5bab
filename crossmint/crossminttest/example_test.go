package crossminttest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// A client whose first response is lost presents its refresh token again, and
// gets the same successor. The client here is net/http; a real test passes
// fake.Config() to crossmint.NewClient.
func Example() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer fake.Close()

	ada := fake.NewUser("ada@example.com")
	secret := fake.Grant(ada).RefreshToken.Secret.Reveal()

	// Crossmint rotates the token, and the connection breaks.
	fake.Fail(crossminttest.Refresh, crossminttest.LoseResponse())

	if _, err := refreshOverHTTP(fake, secret); err != nil {
		fmt.Println("the response is lost")
	}
	email, err := refreshOverHTTP(fake, secret)
	fmt.Println(email, err)
	fmt.Println("calls:", fake.Calls().Refresh)
	fmt.Println("live refresh tokens:", fake.LiveOf(ada.ID))
	// Output:
	// the response is lost
	// ada@example.com <nil>
	// calls: 2
	// live refresh tokens: 1
}

// refreshOverHTTP returns the e-mail address of the token's user.
func refreshOverHTTP(fake *crossminttest.Server, secret string) (string, error) {
	config := fake.Config()
	url := config.BaseURL + "/api/2024-09-26/session/sdk/auth/refresh"
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(`{"refresh":"`+secret+`"}`))
	if err != nil {
		return "", err
	}
	r.Header.Set("x-api-key", config.APIKey.Reveal())
	res, err := config.HTTPClient.Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	var response struct{ User struct{ Email string } }
	err = json.Unmarshal(body, &response)
	return response.User.Email, err
}

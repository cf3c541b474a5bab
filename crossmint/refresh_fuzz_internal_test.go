package crossmint

import (
	"encoding/json"
	"testing"

	"github.com/crossmint-go/auth/internal/bounds"
)

// stringIn returns a member, and "" if it is missing or not a string.
func stringIn(object map[string]any, member string) string {
	content, _ := object[member].(string)
	return content
}

// encoding/json reads every grant that parseGrant accepts, with equal values. A
// jwt or a user of another type counts as missing.
func FuzzGrant(f *testing.F) {
	for _, seed := range []string{
		`{"jwt":"j","refresh":{"secret":"s","expiresAt":"2030-01-01T00:00:00Z"},"user":{"id":"u","email":"e","twitter":{"id":"1","username":"t"}}}`,
		`{"jwt":"j","refreshToken":{"secret":"s"},"user":{"id":"u"}}`,
		` {"user":{"id":"\ud83d\ude00"},"refresh":{"secret":"\u0000","expiresAt":1},"jwt":"\/"} `,
		`{"jwt":"j","refresh":{"secret":"s"},"user":{"id":"u","ID":"v"}}`,
		`{"jwt":"j","refresh":{"secret":"s"},"user":{"id":"u","email":"\ud83d","name":{"a":1,"a":"\udc00"}}}`,
		`{"jwt":"j","refresh":{"secret":"s"},"user":{"ıd":"u"}}`,
		`{"jwt":"j","JWT":"k","refresh":{"secret":"s","Secret":"t"},"user":{"id":"u"}}`,
		`{"refresh":{"secret":"s"}}`, `{"jwt":1,"refresh":{"secret":"s"},"user":[]}`, `{"refresh":{"secret":"s"},"user":{"id":1,"email":{},"phoneNumber":null}}`,
		`{"jwt":"j","refresh":null,"user":null}`, `{}`, `null`, `[]`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, member := range []string{"refresh", "refreshToken"} {
			grant, err := parseGrant(body, member)
			if err != nil {
				continue
			}
			var want map[string]any // no struct: names must not match in another case
			if err := json.Unmarshal(body, &want); err != nil {
				t.Fatalf("encoding/json rejects %q: %v", body, err)
			}
			refresh, _ := want[member].(map[string]any)
			user, _ := want["user"].(map[string]any)
			for name, pair := range map[string][2]any{
				"jwt":              {stringIn(want, "jwt"), grant.JWT.Reveal()},
				"secret":           {refresh["secret"], grant.RefreshToken.Secret.Reveal()},
				"expiresAt":        {stringIn(refresh, "expiresAt"), grant.RefreshToken.ExpiresAt},
				"user.id":          {stringIn(user, "id"), grant.User.ID},
				"user.email":       {stringIn(user, "email"), grant.User.Email},
				"user.phoneNumber": {stringIn(user, "phoneNumber"), grant.User.PhoneNumber},
			} {
				if pair[0] != pair[1] {
					t.Fatalf("%s of %q: %q, want %q", name, body, pair[1], pair[0])
				}
			}
			if grant.RefreshToken.Secret.IsZero() {
				t.Fatalf("accepted a grant without a secret: %q", body)
			}
			if grant.User.JSON != nil && !json.Valid(grant.User.JSON) || len(grant.User.JSON) > bounds.MaxUserBytes {
				t.Fatalf("user object of %q: %q", body, grant.User.JSON)
			}
		}
	})
}

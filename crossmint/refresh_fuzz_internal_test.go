package crossmint

import (
	"encoding/json"
	"testing"
)

// encoding/json reads every grant that parseGrant accepts, with equal values.
func FuzzGrant(f *testing.F) {
	for _, seed := range []string{
		`{"jwt":"j","refresh":{"secret":"s","expiresAt":"2030-01-01T00:00:00Z"},"user":{"id":"u","email":"e","twitter":{"id":"1","username":"t"}}}`,
		`{"jwt":"j","refreshToken":{"secret":"s"},"user":{"id":"u"}}`,
		` {"user":{"id":"\ud83d\ude00"},"refresh":{"secret":"\u0000","expiresAt":1},"jwt":"\/"} `,
		`{"jwt":"j","refresh":{"secret":"s"},"user":{"id":"u","ID":"v"}}`,
		`{"jwt":"j","refresh":{"secret":"s"},"user":{"ıd":"u"}}`,
		`{"jwt":"j","JWT":"k","refresh":{"secret":"s","Secret":"t"},"user":{"id":"u"}}`,
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
			expiresAt, _ := refresh["expiresAt"].(string)
			for name, pair := range map[string][2]any{
				"jwt":       {want["jwt"], grant.JWT.Reveal()},
				"secret":    {refresh["secret"], grant.RefreshToken.Secret.Reveal()},
				"expiresAt": {expiresAt, grant.RefreshToken.ExpiresAt},
				"user.id":   {user["id"], grant.User.ID},
			} {
				if pair[0] != pair[1] {
					t.Fatalf("%s of %q: %q, want %q", name, body, pair[1], pair[0])
				}
			}
			if grant.JWT.IsZero() || grant.RefreshToken.Secret.IsZero() || grant.User.ID == "" {
				t.Fatalf("accepted an incomplete grant: %q", body)
			}
		}
	})
}

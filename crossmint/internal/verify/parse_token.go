package verify

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/internal/strictjson"
	"github.com/lestrrat-go/jwx/v2/jwa"
)

const (
	maxTokenBytes = bounds.MaxJWTBytes
	// maxKidBytes and maxSubBytes are far above real values (10 and 36 bytes).
	// Both get into logs.
	maxKidBytes = 256
	maxSubBytes = 1024
	// maxTime is the end of the year 9999, the last one of RFC 3339.
	maxTime = 253402300799
)

// algorithms are the signature algorithms of RFC 7518 and RFC 8037 that this
// package verifies, by their names in "alg". All are asymmetric: with a symmetric
// one, every reader of a published key could sign with it. "Ed25519" is the name of
// RFC 9864 §2.2 for EdDSA with the only curve that this package accepts.
var algorithms = [...]namedAlgorithm{
	{"RS256", jwa.RS256}, {"ES256", jwa.ES256}, {"EdDSA", jwa.EdDSA}, {"Ed25519", jwa.EdDSA},
}

type namedAlgorithm struct {
	name      string
	algorithm jwa.SignatureAlgorithm
}

// isNameOf reports whether name is a name of the algorithm.
func isNameOf(algorithm jwa.SignatureAlgorithm, name string) bool {
	return slices.Contains(algorithms[:], namedAlgorithm{name, algorithm})
}

// A parsedToken is a token of the accepted form. None of its content may be
// trusted before the signature has been checked.
type parsedToken struct {
	signingInput string // header, dot, payload (RFC 7515 §2)
	signature    []byte
	algorithm    jwa.SignatureAlgorithm
	kid          string
	hasKid       bool
	claims       claims
}

// claims are the registered claims of RFC 7519 that the verifier needs.
type claims struct {
	sub, iss        string
	iat, exp, nbf   int64 // seconds since 1970; 0: absent
	audienceExcerpt string
	audienceFits    bool
}

// parseToken reads a token in the compact form (RFC 7515 §3.1). maxTokenBytes
// bounds its work. It never panics.
func parseToken(token, audience string) (parsedToken, error) {
	header, payload, signature, err := split(token)
	if err != nil {
		return parsedToken{}, err
	}
	// One buffer holds all three decoded parts.
	buffer := make([]byte, 0, base64.RawURLEncoding.DecodedLen(len(token)))
	p := parsedToken{signingInput: token[:len(header)+1+len(payload)]}
	var part []byte
	if buffer, part, err = decodePart(buffer, header); err != nil {
		return parsedToken{}, err
	}
	if err := p.readHeader(part); err != nil {
		return parsedToken{}, err
	}
	if buffer, part, err = decodePart(buffer, payload); err != nil {
		return parsedToken{}, err
	}
	if err := p.claims.read(part, audience); err != nil {
		return parsedToken{}, err
	}
	if _, p.signature, err = decodePart(buffer, signature); err != nil {
		return parsedToken{}, err
	}
	return p, nil
}

var (
	errSize   = errors.New("token is too long")
	errForm   = errors.New("token is not in the compact form")
	errHeader = errors.New("token's header is not a bare JSON object")
	errAlg    = errors.New("token's alg is missing or not allowed")
	errCrit   = errors.New("token's header has critical extensions")
	errTrust  = errors.New("token's header brings its own key")
	errKid    = errors.New("token's kid is not a short string")
	errTyp    = errors.New("token's typ is not JWT")
	errSub    = errors.New("token's sub is missing or not a short string")
	errTimes  = errors.New("token's exp is missing, or exp, iat or nbf is not a time in seconds")
	errAud    = errors.New("token's aud is missing or not a string or a list of strings")
	errIss    = errors.New("token's iss is not a string")
	errJTI    = errors.New("token's jti is not a string or a number")
	// errString concerns header members that this package does not use. Other
	// libraries reject a token in which they are not strings.
	errString = errors.New("token's cty, x5t or x5t#S256 is not a string")
)

// split cuts a token into its three parts.
func split(token string) (header, payload, signature string, err error) {
	if len(token) > maxTokenBytes {
		return "", "", "", errSize
	}
	// encoding/base64 skips line breaks; RFC 7515 §2 does not allow them.
	if strings.IndexByte(token, '\n') >= 0 || strings.IndexByte(token, '\r') >= 0 {
		return "", "", "", errForm
	}
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, _ = strings.Cut(rest, ".")
	if header == "" || payload == "" || signature == "" || strings.IndexByte(signature, '.') >= 0 {
		return "", "", "", errForm
	}
	return header, payload, signature, nil
}

// strictBase64 rejects padding and a second encoding of the same bytes.
var strictBase64 = base64.RawURLEncoding.Strict()

// decodePart decodes a part and appends it to buffer. It returns the extended
// buffer and the decoded part in it.
func decodePart(buffer []byte, encoded string) (whole, part []byte, err error) {
	whole, err = strictBase64.AppendDecode(buffer, []byte(encoded))
	if err != nil {
		return nil, nil, errForm
	}
	return whole, whole[len(buffer):], nil
}

// readHeader reads the JOSE header (RFC 7515 §4).
func (p *parsedToken) readHeader(data []byte) error {
	// Space around the object would get lost in readers that encode the parsed
	// header again to check the signature.
	if len(data) == 0 || data[0] != '{' || data[len(data)-1] != '}' {
		return errHeader
	}
	err := strictjson.Object(data, func(name []byte, value strictjson.Value) error {
		switch string(name) {
		case "alg":
			i := slices.IndexFunc(algorithms[:], func(a namedAlgorithm) bool { return value.Is(a.name) })
			if i < 0 {
				return errAlg
			}
			p.algorithm = algorithms[i].algorithm
		case "kid":
			kid, ok := value.AsString()
			if !ok || kid == "" || len(kid) > maxKidBytes {
				return errKid
			}
			p.kid, p.hasKid = kid, true
		case "typ":
			if typ, ok := value.AsString(); !ok || !isJWTType(typ) {
				return errTyp
			}
		case "cty", "x5t", "x5t#S256":
			if !value.IsString() {
				return errString
			}
		case "crit", "b64":
			return errCrit
		case "jwk", "jku", "x5u", "x5c":
			// Keys come from upstream, never from the token that they verify.
			return errTrust
		}
		return nil
	})
	if err == nil && p.algorithm == "" {
		return errAlg
	}
	return err
}

// isJWTType reports whether typ is the media type of a JWT (RFC 7519 §5.1), also in
// its short form (RFC 7515 §4.1.9). Media types ignore case. Tokens of any other type
// have another purpose (RFC 8725 §3.11).
func isJWTType(typ string) bool {
	return strings.EqualFold(typ, "JWT") || strings.EqualFold(typ, "application/jwt")
}

// read reads the claims and requires those that a session needs.
func (c *claims) read(data []byte, audience string) error {
	hasAud := false
	err := strictjson.Object(data, func(name []byte, value strictjson.Value) (err error) {
		switch string(name) {
		case "sub":
			c.sub, _ = value.AsString()
			if c.sub == "" || len(c.sub) > maxSubBytes {
				return errSub
			}
		case "aud":
			hasAud = true
			return c.readAudience(value, audience)
		case "iss":
			iss, ok := value.AsString()
			c.iss = iss
			if !ok {
				return errIss
			}
		case "jti":
			// RFC 7519 §4.1.7 requires a string; some issuers send a number.
			if !value.IsString() && !value.IsNumber() {
				return errJTI
			}
		case "exp":
			var isWhole bool
			if c.exp, isWhole, err = readTime(value); !isWhole {
				// Readers round fractions differently, and must agree on the end of
				// a token.
				return errTimes
			}
		case "iat":
			c.iat, _, err = readTime(value)
		case "nbf":
			c.nbf, _, err = readTime(value)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case c.sub == "":
		return errSub
	case c.exp == 0:
		return errTimes
	case !hasAud:
		return errAud
	}
	return nil
}

// readAudience reads "aud": a string, or a list of strings only (RFC 7519
// §4.1.3).
func (c *claims) readAudience(value strictjson.Value, audience string) error {
	if value.Is(audience) {
		c.audienceFits = true
		return nil
	}
	if name, ok := value.AsString(); ok {
		c.audienceExcerpt = excerpt(name)
		return nil
	}
	c.audienceExcerpt = excerpt(string(value))
	if !value.EachString(func(element strictjson.Value) { c.audienceFits = c.audienceFits || element.Is(audience) }) {
		return errAud
	}
	return nil
}

// readTime reads a NumericDate (RFC 7519 §2), written without an exponent, and
// rounds it down. It reports whether only zeros follow the point.
func readTime(value strictjson.Value) (seconds int64, isWhole bool, err error) {
	whole, fraction, _ := strings.Cut(string(value), ".")
	seconds, err = strconv.ParseInt(whole, 10, 64)
	isExponent := strings.Trim(fraction, "0123456789") != ""
	if err != nil || isExponent || whole[0] == '-' || seconds > maxTime {
		return 0, false, errTimes
	}
	return seconds, strings.Trim(fraction, "0") == "", nil
}

// excerpt quotes and shortens a string from a token for an error message.
func excerpt(s string) string {
	const maxBytes = 80
	if len(s) > maxBytes {
		s = s[:maxBytes] + "…"
	}
	return fmt.Sprintf("%+q", s)
}

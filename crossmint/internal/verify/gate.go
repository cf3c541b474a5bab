package verify

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/crossmint-go/auth/internal/strictjson"
)

// Bounds of what the gate takes, checked before anything is decoded.
const (
	// maxTokenBytes is twice what fits into a cookie.
	maxTokenBytes = 8 << 10
	// maxKidBytes and maxSubBytes are far above real ones (10 and 36 bytes);
	// both end up in logs.
	maxKidBytes = 256
	maxSubBytes = 1024
	// maxTime is the end of the year 9999, the last that RFC 3339 can write.
	maxTime = 253402300799
)

// Algorithm is a signature algorithm of RFC 7518 that this package verifies.
type Algorithm uint8

// The algorithms. All are asymmetric: a symmetric one would let whoever can
// read a published key sign with it.
const (
	RS256 Algorithm = iota + 1
	ES256
	EdDSA
)

func parseAlgorithm(name strictjson.Value) (Algorithm, bool) {
	switch {
	case name.Is("RS256"):
		return RS256, true
	case name.Is("ES256"):
		return ES256, true
	case name.Is("EdDSA"):
		return EdDSA, true
	}
	return 0, false
}

// parsed is a token that passed the gate. Nothing in it is to be trusted
// before the signature has been checked.
type parsed struct {
	signed    string // header and payload as they were signed
	signature []byte
	algorithm Algorithm
	kid       string
	hasKid    bool
	claims    claims
}

// claims are the registered claims of RFC 7519 that matter here.
type claims struct {
	sub, iss      string
	iat, exp, nbf int64 // seconds since 1970; 0: absent
	audienceText  string
	audienceFits  bool
}

// gate reads a token in the compact form of RFC 7515 §3.1. It works within a
// bound that maxTokenBytes sets, and never panics.
func gate(token, audience string) (parsed, error) {
	header, payload, signature, err := split(token)
	if err != nil {
		return parsed{}, err
	}
	// One buffer holds all three parts; each is decoded into its own piece.
	buffer := make([]byte, 0, base64.RawURLEncoding.DecodedLen(len(token)))
	p := parsed{signed: token[:len(header)+1+len(payload)]}
	var part []byte
	if buffer, part, err = decodePart(buffer, header); err != nil {
		return parsed{}, err
	}
	if err := p.readHeader(part); err != nil {
		return parsed{}, err
	}
	if buffer, part, err = decodePart(buffer, payload); err != nil {
		return parsed{}, err
	}
	if err := p.claims.read(part, audience); err != nil {
		return parsed{}, err
	}
	if _, p.signature, err = decodePart(buffer, signature); err != nil {
		return parsed{}, err
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
	errKid    = errors.New("token's kid is not a short text")
	errTyp    = errors.New("token's typ is not JWT")
	errSub    = errors.New("token's sub is missing or not a short text")
	errTimes  = errors.New("token's exp is missing, or a time is not a whole number of seconds")
	errAud    = errors.New("token's aud is missing or not a text or a list of texts")
	errIss    = errors.New("token's iss is not a text")
	// errText: nobody here reads these members, but others refuse the token.
	errText = errors.New("token's jti, cty, x5t or x5t#S256 is not a text")
)

// split cuts a token into its three parts.
func split(token string) (header, payload, signature string, err error) {
	if len(token) > maxTokenBytes {
		return "", "", "", errSize
	}
	// encoding/base64 skips line breaks; RFC 7515 has no room for them.
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

// strictBase64 takes no padding and no second spelling of the same bytes.
var strictBase64 = base64.RawURLEncoding.Strict()

// decodePart appends the decoded text to buffer and returns both.
func decodePart(buffer []byte, text string) (whole, part []byte, err error) {
	whole, err = strictBase64.AppendDecode(buffer, []byte(text))
	if err != nil {
		return nil, nil, errForm
	}
	return whole, whole[len(buffer):], nil
}

// readHeader reads the JOSE header of RFC 7515 §4.
func (p *parsed) readHeader(data []byte) error {
	// Space around the object is no part of it to readers that sign it anew
	// from what they have read.
	if len(data) == 0 || data[0] != '{' || data[len(data)-1] != '}' {
		return errHeader
	}
	err := strictjson.Object(data, func(name []byte, value strictjson.Value) error {
		switch string(name) {
		case "alg":
			algorithm, ok := parseAlgorithm(value)
			if !ok {
				return errAlg
			}
			p.algorithm = algorithm
		case "kid":
			kid, ok := value.Text()
			if !ok || kid == "" || len(kid) > maxKidBytes {
				return errKid
			}
			p.kid, p.hasKid = kid, true
		case "typ":
			if typ, ok := value.Text(); !ok || !strings.EqualFold(typ, "JWT") {
				return errTyp
			}
		case "cty", "x5t", "x5t#S256":
			if _, ok := value.Text(); !ok {
				return errText
			}
		case "crit", "b64":
			return errCrit
		case "jwk", "jku", "x5u", "x5c":
			// Keys come from upstream, never from the token that they judge.
			return errTrust
		}
		return nil
	})
	if err == nil && p.algorithm == 0 {
		return errAlg
	}
	return err
}

// read reads the claims and requires those that a session cannot do without.
func (c *claims) read(data []byte, audience string) error {
	hasSub, hasExp, hasAud := false, false, false
	err := strictjson.Object(data, func(name []byte, value strictjson.Value) error {
		switch string(name) {
		case "sub":
			c.sub, hasSub = value.Text()
			if !hasSub || c.sub == "" || len(c.sub) > maxSubBytes {
				return errSub
			}
		case "aud":
			hasAud = true
			return c.readAudience(value, audience)
		case "iss":
			iss, ok := value.Text()
			c.iss = iss
			if !ok {
				return errIss
			}
		case "exp":
			hasExp = true
			return readTime(value, &c.exp)
		case "jti":
			if _, ok := value.Text(); !ok {
				return errText
			}
		case "iat":
			return readTime(value, &c.iat)
		case "nbf":
			return readTime(value, &c.nbf)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case !hasSub:
		return errSub
	case !hasExp:
		return errTimes
	case !hasAud:
		return errAud
	}
	return nil
}

// readAudience reads "aud", a text or a list of nothing but texts
// (RFC 7519 §4.1.3).
func (c *claims) readAudience(value strictjson.Value, audience string) error {
	if value.Is(audience) {
		c.audienceFits = true
		return nil
	}
	c.audienceText = excerpt(string(value))
	if text, ok := value.Text(); ok {
		c.audienceFits = text == audience
		return nil
	}
	if !value.Texts(func(element strictjson.Value) { c.audienceFits = c.audienceFits || element.Is(audience) }) {
		return errAud
	}
	return nil
}

// readTime reads a NumericDate. RFC 7519 §2 allows fractions; upstream writes
// none, and readers differ in what they make of them.
func readTime(value strictjson.Value, seconds *int64) error {
	n, ok := value.Integer()
	if !ok || n <= 0 || n > maxTime {
		return errTimes
	}
	*seconds = n
	return nil
}

// excerpt shortens text from a token for a log line.
func excerpt(text string) string {
	const most = 80
	if len(text) > most {
		text = text[:most] + "…"
	}
	return fmt.Sprintf("%+q", text)
}

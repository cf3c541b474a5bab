// Package verify verifies the JWTs that upstream issues. It is the
// security-critical part of this module and is small enough to be read in one
// sitting. No other package imports a JOSE library.
//
// A JWT passes these steps in this order:
//
//  1. the verified-token cache (cache.go): a JWT that passed all other steps
//     within the last minute, byte for byte, needs only its "exp" compared with
//     the clock;
//  2. the parser (parse_token.go): it reads the compact form, the header and the
//     claims strictly, and trusts none of them;
//  3. the audience and the issuer (verify.go): a token for another project needs
//     no key, but is reported as one of upstream's only after step 5;
//  4. the keys (key_set.go; fetched by key_fetch.go, kept up to date by
//     key_refresh.go): the key is chosen by "kid" among those that upstream
//     publishes; the algorithm is the key's, never the token's;
//  5. the signature: the JOSE library checks it with that key and that
//     algorithm;
//  6. the times (verify.go).
//
// The result is one of three: valid, invalid, or [ErrKeysUnavailable], which is
// no decision. The caller must not treat the third as either of the others. The
// deny list of logged-out JWTs is not here: see the package session.
//
// The parser is strict because common libraries accept forms that two readers
// can understand differently, if the signature is correct: a missing "alg",
// unknown "crit" members, duplicate claims, a second object after the payload,
// times as strings or with exponents, padded base64.
package verify

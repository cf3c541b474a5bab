// Package verify decides whether a JWT is what upstream issued. It is the
// security kernel of this module: small enough to be read in one sitting, and
// the only package that imports a JOSE library.
//
// A token passes, in this order:
//
//  1. the verified-token cache (cache.go): a token that passed all of the
//     following within the last minute, byte for byte, needs only its "exp"
//     compared with the clock;
//  2. the gate (gate.go): the compact form, the header and the claims are read
//     strictly, without trusting any of them;
//  3. the keys (keys.go, fetch.go): the key is chosen by "kid" among those
//     that upstream publishes; the algorithm is the key's, never the token's;
//  4. the signature, by the JOSE library, with that key and that algorithm;
//  5. the claims' meaning: audience, issuer, times;
//  6. the deny list (deny.go): JWTs whose user has logged out, here or elsewhere;
//     the cache looks there again whenever a denial came from elsewhere.
//
// The answer is one of three: valid, invalid, or "cannot tell" because keys
// are missing. The caller must not take the third for either of the others.
//
// The gate exists because the common libraries accept, when correctly signed,
// forms that two readers can understand differently: an absent header "alg",
// unknown "crit" members, duplicate claims, a second object behind the
// payload, times as strings, padded base64.
package verify

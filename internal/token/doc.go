// Package token mints and verifies LiveKit access tokens: JWTs signed with HS256 by the secret of an API key.
//
// [AccessToken] writes every claim a LiveKit server knows and [Verifier] reads them back into [ClaimGrants]. The
// algorithm is fixed on both sides, so a token that says "none" or names a public-key algorithm is refused before
// its signature is looked at. No error repeats any part of a token or a secret.
package token

// Package token creates and verifies LiveKit access tokens: JWTs signed with HS256 and the secret of an API key.
//
// [AccessToken] writes every claim that LiveKit servers use, and [Verifier] reads them into [ClaimGrants]. The
// algorithm is fixed: a token with the algorithm "none" or a public-key algorithm is refused before its signature is
// checked. Errors never contain any part of a token or a secret.
package token

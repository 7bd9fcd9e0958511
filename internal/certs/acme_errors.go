package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"

	"github.com/mholt/acmez/v3/acme"
)

// explain returns a sentence that says why an ACME server issued no certificate and what to do. The types of problems are
// those of RFC 8555, section 6.7.
func explain(err error) string {
	if problem, ok := errors.AsType[acme.Problem](err); ok {
		return explainProblem(problem)
	}
	var unknown x509.UnknownAuthorityError
	var verification *tls.CertificateVerificationError
	var failed *url.Error
	var network net.Error
	switch {
	case errors.As(err, &unknown), errors.As(err, &verification):
		return "the certificate of the ACME server is not trusted: check acme_url, and set acme_ca to its authority's certificate"
	case errors.As(err, &failed), errors.As(err, &network), errors.Is(err, context.DeadlineExceeded):
		return "the ACME server cannot be reached: check this machine's internet connection and acme_url"
	}
	return "the ACME server or the data folder cannot be used: see err"
}

// explainProblem returns a sentence about a problem that the ACME server reports.
func explainProblem(p acme.Problem) string {
	switch {
	case isRateLimit(p):
		return "the ACME server limits the rate of requests, and err says when it accepts the next one: nothing needs to be done"
	case p.Type == acme.ProblemTypeDNS:
		return "the domain does not resolve: create an A or AAAA record with the public address of this machine"
	case p.Type == acme.ProblemTypeConnection, p.Type == acme.ProblemTypeTLS:
		return "the ACME server cannot reach this machine: let the domain resolve to it, and admit TCP ports 80 and 443 in firewalls and routers"
	case p.Type == acme.ProblemTypeUnauthorized, p.Type == acme.ProblemTypeIncorrectResponse:
		return "another server answers for the domain: let its A and AAAA records contain only the public addresses of this machine"
	case p.Type == acme.ProblemTypeCAA:
		return "a CAA record of the domain forbids this ACME server: allow it there, or choose another with acme_url"
	case p.Type == acme.ProblemTypeRejectedIdentifier, p.Type == acme.ProblemTypeUnsupportedIdentifier:
		return "the ACME server issues no certificates for this domain: choose another domain, or another server with acme_url"
	case p.Type == acme.ProblemTypeInvalidContact, p.Type == acme.ProblemTypeUnsupportedContact:
		return "the ACME server refuses the email address: correct acme_email"
	case p.Type == acme.ProblemTypeExternalAccountRequired:
		return "the ACME server requires an account that was made elsewhere, which Meet does not support: choose another with acme_url"
	case p.Status >= http.StatusInternalServerError:
		return "the ACME server has a temporary problem: nothing needs to be done"
	}
	return "the ACME server refuses the certificate: see err"
}

// isRateLimit reports whether the ACME server has refused a request because there were too many.
func isRateLimit(p acme.Problem) bool {
	return p.Type == acme.ProblemTypeRateLimited || p.Status == http.StatusTooManyRequests
}

// Package templates renders Meet's pages as HTML.
//
// A page is a pure function of one struct: templates do not read a clock or settings, and they build addresses only by
// prefixing the base path. Only the nonce of the page's content security policy comes from the context
// (templ.WithNonce). All pages except the call work without scripts. The scripts in web/app update the same markup when
// something changes.
package templates

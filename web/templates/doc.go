// Package templates draws Meet's pages as HTML.
//
// A page is a pure function of one plain struct: no template reads a clock,
// builds an address or knows a setting. Only the nonce of the page's content
// security policy comes from the context (templ.WithNonce). Everything but the
// call itself works before any script does; the scripts in web/app fill the
// same markup again when something changes.
package templates

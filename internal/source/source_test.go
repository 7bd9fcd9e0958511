package source_test

import (
	"testing"

	"meet/internal/source"
)

func TestKeyReturnsIPv4AddressOrIPv6Prefix(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.7": "192.0.2.7/32",
		"2001:db8:1:2ff::1": "2001:db8:1:200::/56", "2001:db8:1:200:ffff::9": "2001:db8:1:200::/56", "2001:db8:1:300::1": "2001:db8:1:300::/56",
		"fe80::1%eth0": "fe80::/56", "": "", "unix": "unix",
	} {
		if got := source.Key(address); got != want {
			t.Errorf("Key(%q) = %q, want %q", address, got, want)
		}
	}
}

package config

import "net/netip"

// setTrustedProxies stores networks, and single addresses as networks of one.
func setTrustedProxies(c *Config, v string) error {
	c.TrustedProxies = nil
	for _, item := range parseItems(v) {
		network, err := netip.ParsePrefix(item)
		if err != nil {
			a, err := netip.ParseAddr(item)
			if err != nil || a.Zone() != "" {
				return errValue
			}
			a = a.Unmap()
			network = netip.PrefixFrom(a, a.BitLen())
		}
		if network.Addr().Is4In6() { // it would match nothing, for addresses are compared in their IPv4 form
			return errValue
		}
		c.TrustedProxies = append(c.TrustedProxies, network.Masked())
	}
	if c.TrustedProxies == nil { // an empty list would trust all private addresses, which nobody means who writes one
		return errValue
	}
	return nil
}

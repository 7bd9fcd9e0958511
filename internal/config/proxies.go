package config

import "net/netip"

// setTrustedProxies stores networks. A single address becomes a network with one address.
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
		if network.Addr().Is4In6() { // IPv4-mapped networks would never match: addresses are compared as IPv4
			return errValue
		}
		c.TrustedProxies = append(c.TrustedProxies, network.Masked())
	}
	if c.TrustedProxies == nil { // an empty list would trust all private addresses, which is not what the user meant
		return errValue
	}
	return nil
}

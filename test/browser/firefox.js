// Playwright supports only its own build of Firefox, so Debian's Firefox is controlled by Puppeteer over WebDriver BiDi.
import puppeteer from 'puppeteer-core';

/** Starts a Firefox with fake devices that may connect over loopback. prefs are additional settings. */
export const launchFirefox = (prefs = {}) =>
  puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    extraPrefsFirefox: {
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.peerconnection.ice.loopback': true,
      'media.peerconnection.ice.obfuscate_host_addresses': false, // obfuscated addresses need mDNS, which few test machines have
      'media.autoplay.default': 0, // allowed
      'security.csp.enable': false, // like bypassCSP in Playwright
      ...prefs,
    },
  });

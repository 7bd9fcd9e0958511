// Playwright drives only a Firefox of its own, so Debian's is driven by Puppeteer, over WebDriver BiDi.
import puppeteer from 'puppeteer-core';

/** Starts a Firefox with a fake camera and microphone that connects over loopback. */
export const launchFirefox = () =>
  puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    extraPrefsFirefox: {
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.peerconnection.ice.loopback': true,
      'media.peerconnection.ice.obfuscate_host_addresses': false, // needs mDNS, which few test machines have
      'media.autoplay.default': 0, // allowed
      'security.csp.enable': false, // as bypassCSP of Playwright
    },
  });

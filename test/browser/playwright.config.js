// Browser tests against the real binary, in Debian's Chromium with its fake camera and microphone.
import { defineConfig } from '@playwright/test';

// Specs that measure freezes run alone, so that other tests do not affect the results.
const measured = ['direct-room-gaps.spec.js', 'direct-to-meeting.spec.js', 'impaired-link.spec.js', 'low-bandwidth.spec.js', 'layer-switching.spec.js'];

export default defineConfig({
  testDir: '.',
  // Browsers and server of a call mostly wait and use a quarter of a core, so three tests run at a time on two cores.
  projects: [
    { name: 'side by side', testMatch: '*.spec.js', testIgnore: measured },
    { name: 'alone', testMatch: measured },
  ],
  // Each step has a minute, also on a busy machine. The timeout of the whole test, in ms, is for steps without a timeout of
  // their own, such as a promise in a page that never resolves.
  timeout: 600_000,
  expect: { timeout: 60_000 },
  workers: 1,
  fullyParallel: false,
  reporter: [['list']],
  outputDir: 'test-results',
  use: {
    headless: true,
    actionTimeout: 60_000,
    navigationTimeout: 60_000,
    permissions: ['camera', 'microphone'],
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', '--use-fake-ui-for-media-stream',
        '--use-fake-device-for-media-stream=fps=10', '--autoplay-policy=no-user-gesture-required',
        '--auto-select-desktop-capture-source=Entire screen',
      ],
    },
  },
});

// Browser tests against the real binary, in Debian's Chromium with its fake camera and microphone.
import { defineConfig } from '@playwright/test';

// Where it is measured how pictures move, each call has the machine to itself.
const measured = ['direct-room-gaps.spec.js', 'handover.spec.js', 'impaired.spec.js', 'narrow-link.spec.js', 'switching.spec.js'];

export default defineConfig({
  testDir: '.',
  // A call is two browsers and a server, which mostly wait: they take a quarter of a core. So three run at a time on two.
  projects: [
    { name: 'side by side', testMatch: '*.spec.js', testIgnore: measured },
    { name: 'alone', testMatch: measured },
  ],
  // A step that gets nowhere fails after a minute, so that a busy machine has the time it needs for a test of many steps.
  // The limit of a whole test ends what has none of its own, such as a promise of a page that is never kept.
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

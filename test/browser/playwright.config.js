// Browser tests against the real binary, in Debian's Chromium with its fake camera and microphone.
import { defineConfig } from '@playwright/test';

const measured = ['direct-room.spec.js', 'handover.spec.js', 'impaired.spec.js', 'narrow-link.spec.js', 'speaking.spec.js', 'subscribe.spec.js'];

export default defineConfig({
  testDir: '.',
  // A call is two browsers and a server, which mostly wait: two calls at a time are what two cores bear. Where it is
  // measured how pictures move, each has the machine to itself.
  projects: [
    { name: 'two at a time', testMatch: '*.spec.js', testIgnore: measured },
    { name: 'alone', testMatch: measured },
  ],
  timeout: 180_000,
  expect: { timeout: 20_000 },
  workers: 1,
  fullyParallel: false,
  reporter: [['list']],
  outputDir: 'test-results',
  use: {
    headless: true,
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

import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // The binary serves the build under /static/ and embeds it, so the output
  // lives beside the Go package and is committed.
  base: "/static/",
  plugins: [react()],
  build: {
    outDir: "../static",
    emptyOutDir: true,
    // Not Vite's default .vite folder: go:embed leaves dot folders out.
    manifest: "manifest.json",
    // A data: URL would need a wider font-src in the page's policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // light-dark() and dynamic viewport units are used as written.
    target: ["chrome123", "firefox120", "safari17.5"],
    // livekit-client and React together; scripts/budget.js holds the compressed size.
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      input: { lobby: "pages/lobby.ts", room: "pages/room.tsx", custom: "pages/custom.tsx", direct: "pages/direct.tsx" },
    },
  },
  // Tests read the pages that the server's templates draw.
  server: { fs: { allow: [".", "../templates"] } },
  test: {
    environment: "jsdom",
    restoreMocks: true,
  },
});

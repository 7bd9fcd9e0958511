import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // Files name each other by relative paths, so that one build works under every path that a site may stand under.
  base: "./",
  plugins: [react()],
  build: {
    // `meet build-frontend` names the folder, reads this manifest and writes the build's own.
    outDir: "dist",
    manifest: "manifest.json",
    // A data: URL would need a wider font-src in the page's policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // light-dark() and dynamic viewport units are used as written.
    target: ["chrome123", "firefox120", "safari17.5"],
    // livekit-client and React together; internal/assets/embedded_test.go holds the compressed size.
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      // The entries, one for each page; what belongs to them goes into the build's manifest under these names.
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

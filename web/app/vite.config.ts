import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // Relative paths between files, so that one build works under every base path.
  base: "./",
  plugins: [react()],
  build: {
    // `meet build-frontend` sets outDir, reads this manifest and writes the manifest of the published build.
    outDir: "dist",
    manifest: "manifest.json",
    // No data: URLs: they would need a wider font-src in the page's Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Browsers that support light-dark() and dynamic viewport units in CSS.
    target: ["chrome123", "firefox120", "safari17.5"],
    // In kB, for livekit-client and React together. internal/assets/embedded_test.go limits the compressed size.
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      // One entry for each page. The build's manifest lists the files of each under these names.
      input: { lobby: "pages/lobby.ts", room: "pages/room.tsx", custom: "pages/custom.tsx", direct: "pages/direct.tsx", test: "pages/test.tsx", trust: "pages/trust.ts" },
    },
  },
  // Tests read pages rendered by the server's templates.
  server: { fs: { allow: [".", "../templates"] } },
  test: {
    environment: "jsdom",
    restoreMocks: true,
  },
});

import reactHooks from "eslint-plugin-react-hooks";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

// Rules of this project: no default exports, one file that fetches, one that uses browser storage, and no SDK in ui/.
const only = (message, ...names) => names.map((name) => ({ name, message }));

// What each folder may import from the others. A folder imports only from those below it, so there are no cycles.
const shared = ["lib", "ui"];
const parts = ["controls", "devices", "media", "notices", "peer", ...shared];
const mayImport = {
  pages: ["call", "connectiontest", "direct", "styles", ...shared],
  direct: ["call", "callview", "features", ...parts], // a direct call can move to a room
  call: ["callview", "features", ...parts],
  connectiontest: ["call/ending", "media", "peer", ...shared], // ending.ts explains why joining failed
  callview: ["features", ...parts],
  features: parts,
  controls: ["media", ...shared],
  devices: ["media", "notices", ...shared],
  media: ["lib"],
  notices: shared,
  peer: ["lib"],
  lib: [],
  ui: ["lib/avatar"], // pure functions; ui/ renders from props alone
  styles: [],
};

const sdk = { group: ["livekit-client", "@livekit/*"], message: "ui/ renders from props alone and must not import an SDK" };

/** imports returns a rule for some files that forbids imports from all folders but the given ones. */
const imports = (files, folders, message, ...more) => ({
  files,
  ignores: ["**/*.test.{ts,tsx}", "**/{testing,fakes}.{ts,tsx}"],
  rules: { "no-restricted-imports": ["error", { patterns: [{ regex: `^(\\.\\./)+(?!(${folders.join("|")})(/|$))[a-z]`, message }, ...more] }] },
});

export default defineConfig(
  { ignores: ["node_modules"] },
  {
    files: ["**/*.ts", "**/*.tsx"],
    extends: [tseslint.configs.strictTypeChecked, reactHooks.configs.flat.recommended],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { attributes: false } }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "max-lines": ["error", 400],
      "no-console": "error",
      "no-restricted-globals": [
        "error",
        ...only("only lib/api.ts may send requests to the server", "fetch", "EventSource"),
        ...only("only lib/storage.ts may use browser storage", "localStorage", "sessionStorage"),
      ],
      "no-restricted-syntax": [
        "error",
        { selector: "ExportDefaultDeclaration", message: "export by name" },
        { selector: "ExportAllDeclaration", message: "no barrel files" },
      ],
    },
  },
  { files: ["lib/api.ts", "lib/storage.ts", "**/*.test.{ts,tsx}"], rules: { "no-restricted-globals": "off" } },
  { files: ["vite.config.ts"], rules: { "no-restricted-syntax": "off" } },
  imports(["*/**/*.{ts,tsx}"], ["-"], "add this folder to mayImport in eslint.config.js"),
  Object.entries(mayImport).map(([folder, folders]) =>
    imports(
      [`${folder}/**/*.{ts,tsx}`],
      folder === "controls" ? ["action", ...folders] : folders, // controls/actions import action
      `${folder}/ may import from ${folders.join(", ") || "no other folder"} alone; see mayImport in eslint.config.js`,
      ...(folder === "ui" ? [sdk] : []),
    ),
  ),
);

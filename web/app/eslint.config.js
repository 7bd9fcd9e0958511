import reactHooks from "eslint-plugin-react-hooks";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

// House rules that a machine can hold: no default exports, one place that
// fetches, one that stores, and no colour or SDK where it does not belong.
const only = (message, ...names) => names.map((name) => ({ name, message }));

// What each folder may import from the others. A folder imports only from those below it, so there are no cycles.
const shared = ["lib", "ui"];
const parts = ["controls", "devices", "link", "media", "notices", ...shared];
const mayImport = {
  pages: ["call", "direct", "styles", ...shared],
  direct: ["call", "callview", "features", ...parts], // a direct call can move to a room
  call: ["callview", "features", ...parts],
  callview: ["features", ...parts],
  features: parts,
  controls: ["media", ...shared],
  devices: ["media", "notices", ...shared],
  link: ["lib"],
  media: ["lib"],
  notices: shared,
  lib: [],
  ui: ["lib/person"], // a pure function; ui/ draws from props alone
  styles: [],
};

const sdk = { group: ["livekit-client", "@livekit/*"], message: "ui/ draws from props and knows no SDK" };

/** imports forbids every file of the folders what they may not import. */
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
        ...only("lib/api.ts is the only place that talks to the server", "fetch", "EventSource"),
        ...only("lib/storage.ts is the only place that stores", "localStorage", "sessionStorage"),
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
  imports(["*/**/*.{ts,tsx}"], ["-"], "name this folder in mayImport of eslint.config.js"),
  Object.entries(mayImport).map(([folder, folders]) =>
    imports(
      [`${folder}/**/*.{ts,tsx}`],
      folder === "controls" ? ["action", ...folders] : folders, // which controls/actions import
      `${folder}/ may import from ${folders.join(", ") || "no other folder"} alone; see mayImport in eslint.config.js`,
      ...(folder === "ui" ? [sdk] : []),
    ),
  ),
);

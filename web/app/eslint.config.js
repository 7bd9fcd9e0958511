import reactHooks from "eslint-plugin-react-hooks";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

// House rules that a machine can hold: no default exports, one place that
// fetches, one that stores, and no colour or SDK where it does not belong.
const only = (message, ...names) => names.map((name) => ({ name, message }));

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
  {
    files: ["ui/**"],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ group: ["livekit-client", "@livekit/*"], message: "ui/ is drawn from props and knows no SDK" }] },
      ],
    },
  },
);

// Bundles src/main.js with what it is made of, minified, the licenses of the parts in front.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { build } from "esbuild";

const PARTS = ["three", "@sparkjsdev/spark", "fflate"];

function license(name) {
  const folder = `node_modules/${name}`;
  const about = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  return `${name} ${about.version}, ${about.license}\n\n${readFileSync(`${folder}/LICENSE`, "utf8").trim()}`;
}

// Spark's WebAssembly and its worker, of which a living page uses nothing: two thirds of the bundle.
const CUTS = [
  [/^const WASM = decode64\(.*\).buffer;$/m, ""],
  ["const WASM_MODULE = WebAssembly.compile(WASM);", "const WASM_MODULE = new Promise(() => {});"],
  ["const initialization = __wbg_init({ module_or_path: WASM_MODULE })", "const initialization = WASM_MODULE"],
  [/^const jsContent = '.*';$/m, "const jsContent = '';"],
];
const withoutWasm = {
  name: "without-wasm",
  setup({ onLoad }) {
    onLoad({ filter: /spark\.module(\.min)?\.js$/ }, async ({ path }) => {
      let contents = await readFile(path, "utf8");
      for (const [part, instead] of CUTS) {
        if (contents.replace(part, "") === contents) throw new Error(`${path} has no ${part}: look at what has changed there`);
        contents = contents.replace(part, instead);
      }
      return { contents };
    });
  },
};

const banner = `/*!\n${PARTS.map(license).join("\n\n----\n\n").replaceAll("*/", "* /")}\n*/`;
await build({
  entryPoints: ["src/main.js"],
  outfile: process.argv[2] ?? "dist/viewer.js",
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  plugins: [withoutWasm],
  banner: { js: banner },
});

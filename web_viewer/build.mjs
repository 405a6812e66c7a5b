// Bundles src/main.js with what it is made of, minified, the licenses of the parts in front.
import { readFileSync } from "node:fs";
import { build } from "esbuild";

const PARTS = ["three", "@sparkjsdev/spark", "fflate"];

function license(name) {
  const folder = `node_modules/${name}`;
  const about = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  return `${name} ${about.version}, ${about.license}\n\n${readFileSync(`${folder}/LICENSE`, "utf8").trim()}`;
}

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
  banner: { js: banner },
});

/**
 * The directory of this file and a `require` that starts from it. A CommonJS file has both by birth and loads the same
 * from either build, which `import.meta` and `__dirname` do not. Plain JavaScript, because the CommonJS export syntax of
 * TypeScript is not one that Node.js strips.
 */
module.exports = { directory: __dirname, require }

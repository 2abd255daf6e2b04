#!/usr/bin/env -S node --max-semi-space-size=16
// Launcher. Written so that very old Nodes can parse it and get a sentence instead of a syntax error.
var major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    'midge needs Node 24 or newer, this is ' +
      process.versions.node +
      '. In its folder, `npm start` uses the Node that `npm ci` brought along.',
  );
  process.exitCode = 1;
} else {
  // Both measured in docs/decisions/002-launcher-flags.md.
  void Promise.all([import('node:module'), import('node:v8')]).then(function (modules) {
    modules[0].enableCompileCache();
    modules[1].setFlagsFromString('--heap-growing-percent=100');
    return import('../dist/cli.js').catch(function (error) {
      if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
      console.error('midge is not built yet: run `npm ci` in its folder first.');
      process.exitCode = 1;
    });
  });
}

#!/usr/bin/env -S node --max-semi-space-size=4
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
  void import('node:module').then(function (nodeModule) {
    // Measured in docs/decisions/002-launcher-flags.md.
    nodeModule.enableCompileCache();
    return import('../dist/cli.js').catch(function (error) {
      if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
      console.error('midge is not built yet: run `npm ci` in its folder first.');
      process.exitCode = 1;
    });
  });
}

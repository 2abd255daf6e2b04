// How whoever reads a line of ours would type the next one.

/** After `npm ci` there is no command `midge` on the path: those who came by `npm start` go on by it. */
export function programWords(env: NodeJS.ProcessEnv = process.env): string {
  return env['npm_lifecycle_event'] === 'start' ? 'npm start --' : 'midge';
}

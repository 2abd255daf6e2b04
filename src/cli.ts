// The midge command.
import { main } from './cli/main.ts';

// Whoever reads our output may stop early, as `head` does; that is no fault.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await main(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  print: (lines) => process.stdout.write(`${lines}\n`),
  printError: (lines) => process.stderr.write(`${lines}\n`),
});

// The midge command.
import { main } from './cli/main.ts';

let isOutputLost = false;

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever reads our output may stop early, as `head` does; that is no fault.
    if (error.code === 'EPIPE') return;
    if (stream === process.stdout && !isOutputLost) {
      process.stderr.write(
        `midge: The output could not be written (${error.code ?? 'unknown'}).\n`,
      );
    }
    isOutputLost = true;
    process.exitCode = 1;
  });
}

const exitCode = await main(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  print: (lines) => process.stdout.write(`${lines}\n`),
  printError: (lines) => process.stderr.write(`${lines}\n`),
});
if (exitCode !== 0 || !isOutputLost) process.exitCode = exitCode;

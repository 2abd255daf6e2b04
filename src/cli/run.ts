// midge run: opens the node, says so, and closes it when asked to.
import { makeLogger } from '../log.ts';
import type { Logger } from '../log.ts';
import type { NodeSummary } from '../summary.ts';
import { banner } from './banner.ts';
import type { Command } from './command.ts';
import { stopSignal } from './signals.ts';

export const run: Command = {
  name: 'run',
  summary: 'run a node; what midge does when it is given no command',
  parameters: [],
  flags: [],
  details:
    'Runs a node until Ctrl-C or SIGTERM. A new data folder begins a private Tangle of one node, so the first message can be sent within seconds. On a terminal it shows where everything is; elsewhere it writes JSON lines, one of them with "event": "ready".',
  examples: [
    ['midge', 'a node on this machine, data in ./midge-data'],
    ['midge --api.bind 0.0.0.0:14265', 'an API that other machines reach'],
    ['midge --network.min-pow-score 100', 'easy proof of work, for tests'],
  ],
  run: async ({ config, print }) => {
    const asked = stopSignal();
    const log = makeLogger(config.log);
    const broken = Promise.withResolvers<never>();
    // It may break while it opens, before anyone waits for this.
    broken.promise.catch(() => undefined);
    // Imported here, so that the other commands start without the node and all it needs.
    const { openNode } = await import('../node.ts');
    {
      const opening = openNode(config, { log, onFatal: broken.reject });
      await openOrLeave(asked, opening, log);
      await using node = await opening;
      if (process.stdout.isTTY && config.log.format !== 'json') print(banner(node.info));
      log.info(readyLine(node.info), 'ready');
      const signal = await Promise.race([asked, broken.promise]);
      log.info({ signal }, 'stopping');
    }
    log.info('stopped');
  },
};

/**
 * Waits for the node, or ends the process when it is asked to end before. Nothing was answered yet, and the store
 * is safe at any instant, so nothing has to be waited for.
 */
async function openOrLeave(
  asked: Promise<string>,
  opening: Promise<unknown>,
  log: Logger,
): Promise<void> {
  const signal = await Promise.race([asked, opening.then(() => undefined)]);
  if (signal === undefined) return;
  log.info({ signal }, 'stopped before it was ready');
  // Opening cannot be called off: it may be indexing a long log.
  process.exit(0);
}

/** What whoever started the node waits for. */
function readyLine(info: NodeSummary): object {
  const { version, apiAddress, apiUrl, agentAddress, mqttUrls } = info;
  const { gossipAddresses, neighbours, dataDir, messageCount } = info;
  return {
    event: 'ready',
    version,
    apiAddress,
    apiUrl,
    mqttUrls,
    agentAddress,
    gossipAddresses,
    neighbours,
    dataDir,
    messageCount,
  };
}

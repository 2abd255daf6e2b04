// midge run: opens the node, says so, and closes it when asked to.
import type { Config } from '../config/schema.ts';
import { compileTicks } from '../event-loop.ts';
import { makeLogger } from '../log.ts';
import type { Logger } from '../log.ts';
import type { Node } from '../node.ts';
import type { NodeSummary } from '../summary.ts';
import { banner } from './banner.ts';
import type { Command } from './command.ts';
import { openStatusLine } from './progress.ts';
import type { StatusLine } from './progress.ts';
import { onHangUp, stopSignal } from './signals.ts';
import { syncLine } from './sync-line.ts';

const syncLineMs = 500;

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
    await compileTicks();
    const isForPeople = process.stdout.isTTY && config.log.format !== 'json';
    using line = openStatusLine();
    const log = makeLogger(config.log, isForPeople ? () => line.clear() : undefined);
    const broken = Promise.withResolvers<never>();
    // It may break while it opens, before anyone waits for this.
    broken.promise.catch(() => undefined);
    // Imported here, so that the other commands start without the node and all it needs.
    const { openNode } = await import('../node.ts');
    {
      const opening = openNode(config, { log, onFatal: broken.reject });
      using _hangUps = isForPeople ? undefined : renewOnHangUp(config, opening);
      await openOrLeave(asked, opening, log);
      await using node = await opening;
      if (isForPeople) print(banner(node.info));
      log.info(readyLine(node.info), 'ready');
      using _ = isForPeople ? showSync(node, line) : undefined;
      const signal = await Promise.race([asked, broken.promise]);
      log.info({ signal }, 'stopping');
    }
    log.info('stopped');
  },
};

/** Undefined without TLS. A terminal that is closed sends the same signal, and then the node is to end. */
function renewOnHangUp({ api }: Config, opening: Promise<Node>): Disposable | undefined {
  if (api.tls.certFile === undefined) return undefined;
  return onHangUp(() => {
    // One that fails to open has said so.
    opening.then((node) => node.renewCertificate()).catch(() => undefined);
  });
}

/** While the node catches up, a line says how far it is. */
function showSync(node: Pick<Node, 'sync'>, line: StatusLine): Disposable {
  const timer = setInterval(() => {
    const text = syncLine(node.sync());
    if (text === undefined) line.clear();
    else line.show(text);
  }, syncLineMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

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
  const { gossipAddresses, neighbours, dataDir, messageCount, keeps } = info;
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
    keeps,
    messageCount,
  };
}

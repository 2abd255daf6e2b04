// Which node a command talks to.
import { TangleError } from '../errors.ts';
import type { Call } from './command.ts';
import { nodeFlag } from './command.ts';

/** The root URL of the node to ask: --node, else where the settings let a node listen. Throws USAGE_INVALID. */
export function nodeUrlOf({ config, flags }: Call): string {
  const given = flags.get(nodeFlag.flag);
  if (given === undefined) return urlOfBind(config.api.bind);
  const text = given.includes('://') ? given : `http://${given}`;
  if (!/^https?:/.test(text) || !URL.canParse(text)) {
    throw new TangleError(
      'USAGE_INVALID',
      `${nodeFlag.flag} takes a URL such as http://127.0.0.1:14265.`,
    );
  }
  return text;
}

/** Where a node that listens on `bind` is reached from this machine. */
export function urlOfBind(bind: string): string {
  const reachable = bind.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:');
  return `http://${reachable}`;
}

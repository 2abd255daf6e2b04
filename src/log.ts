// The logger every part gets a child of. Message strings are fixed, data is in the object.
import { pino } from 'pino';
import { PinoPretty } from 'pino-pretty';

export type Logger = pino.Logger;

export interface LogOptions {
  readonly level: string;
  /** `auto` is pretty on a terminal and JSON lines elsewhere. */
  readonly format: 'auto' | 'pretty' | 'json';
}

/** Controls, separators of lines, and format characters such as those that turn the direction of writing. */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Texts of errors are printed line by line, and what they say may have come from the network. */
function errorOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const told = pino.stdSerializers.err(error);
  return Object.assign(told, { message: escaped(told.message), stack: escaped(told.stack) });
}

function escaped(text = ''): string {
  return text.replaceAll(unsafe, (character) => {
    if (character === '\n' || character === '\t') return character;
    return `\\u{${character.codePointAt(0)?.toString(16)}}`;
  });
}

/** What a full disk holds back of the log; lines beyond it are lost. */
const maxHeldBackBytes = 1024 * 1024;

/**
 * Writes to standard output, synchronously: the last line before an exit is never lost. Where that is a
 * file on a full disk, lines are lost rather than the node. `beforeLine` clears what else stands on the terminal.
 */
export function makeLogger(options: LogOptions, beforeLine?: () => void): Logger {
  const isPretty =
    options.format === 'pretty' || (options.format === 'auto' && process.stdout.isTTY);
  const stream = isPretty
    ? PinoPretty({
        colorize: process.stdout.isTTY,
        singleLine: true,
        translateTime: 'SYS:yyyy-mm-dd HH:MM:ss',
        sync: true,
      })
    : pino.destination({ dest: 1, sync: true, maxLength: maxHeldBackBytes });
  stream.on('error', () => undefined);
  const destination = {
    write: (line: string) => {
      beforeLine?.();
      stream.write(line);
    },
  };
  const { level } = options;
  const serializers = { err: errorOf };
  return pino({ level, base: null, serializers }, beforeLine ? destination : stream);
}

/** For tests and short commands. */
export const silentLogger: Logger = pino({ level: 'silent' });

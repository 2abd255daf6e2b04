// Durations on the command line: a number and a unit, `30d`.
import { TangleError } from '../errors.ts';

const hourMs = 60 * 60_000;
const unitsMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: hourMs,
  d: 24 * hourMs,
  w: 7 * 24 * hourMs,
  y: 365 * 24 * hourMs,
};

/** Throws USAGE_INVALID. */
export function durationMs(text: string, flag: string, longest: string): number {
  const value = parsed(text);
  if (value > 0 && value <= parsed(longest)) return value;
  throw new TangleError(
    'USAGE_INVALID',
    `${flag} takes a number with s, m, h, d, w or y, such as 12h or 30d, up to ${longest}.`,
  );
}

function parsed(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,9})([smhdwy])$/.exec(text) ?? [];
  return Number(digits) * (unitsMs[unit] ?? NaN);
}
